# For OpenEmbedded scarthgap (Yocto 5.0). docs/embedded.md says what of this has been tried, and what has not.
SUMMARY = "Credential daemon: access tokens for local apps, and no secret for any"
DESCRIPTION = "fob holds a device's long-lived OAuth 2.0 client credentials in secure storage, keeps a valid \
short-lived access token ready, and serves it to local apps over a Unix socket."
SECTION = "base"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://LICENSE;md5=3b83ef96387f14655fc854ddc3c6bd57"

# Where your copy of fob is, and which of its commits. toml++ is headers only; the layers of scarthgap have no recipe for
# it, and fob takes this version and no other.
FOB_SOURCE ?= "git:///srv/git/fob.git;protocol=file;branch=main"
SRC_URI = "${FOB_SOURCE};name=fob \
           git://github.com/marzer/tomlplusplus.git;protocol=https;nobranch=1;name=toml;destsuffix=toml"
SRCREV_fob ?= "${AUTOREV}"
SRCREV_toml = "c635f218c0aefc801d9748841930365e54fe3089"
SRCREV_FORMAT = "fob"
S = "${WORKDIR}/git"

# Headers alone are taken of boost (and its static boost_url), cli11, libsecret and nlohmann-json.
DEPENDS = "boost cli11 curl libseccomp libsecret libsodium nlohmann-json openssl"

inherit cmake pkgconfig systemd useradd

# On 32 bits the filters of system calls lack what a C library calls there; glibc's malloc_trim(3) is used.
COMPATIBLE_HOST = "(x86_64|aarch64|riscv64).*-linux"
COMPATIBLE_HOST:libc-musl = "null"

# secret-service: for the users of a desktop. libsecret is loaded while fob runs, so that no tool can see that it is needed.
PACKAGECONFIG ??= "${@bb.utils.filter('DISTRO_FEATURES', 'systemd', d)}"
PACKAGECONFIG[systemd] = ",,,systemd"
PACKAGECONFIG[secret-service] = ",,,libsecret"

EXTRA_OECMAKE = "-DCMAKE_BUILD_TYPE=RelWithDebInfo -DFOB_TESTS=OFF -DFOB_PRECOMPILE=OFF \
                 -DTOMLPP_HEADERS=${WORKDIR}/toml/include"
OECMAKE_TARGET_COMPILE = "fob fobd fob-exchange fob-witness fob-gateway libfob package-files"

# A compiler that is newer than fob's own warns of more.
do_configure:prepend() {
    sed -i 's/ -Werror$//' ${S}/cmake/fob_build.cmake
}

# Not the target "install", which would build the sandbox authority too.
do_install() {
    for component in fob libfob0 libfob-dev; do
        DESTDIR='${D}' cmake --install ${B} --component $component
    done
    if ${@bb.utils.contains('PACKAGECONFIG', 'systemd', 'false', 'true', d)}; then
        rm -r ${D}${nonarch_libdir}/systemd ${D}${nonarch_libdir}/sysusers.d ${D}${nonarch_libdir}/tmpfiles.d
    fi
}

PACKAGES =+ "${PN}-gateway libfob"
FILES:${PN}-gateway = "${bindir}/fob-gateway"
FILES:libfob = "${libdir}/libfob.so.*"
FILES:${PN} += "${nonarch_libdir}/systemd ${nonarch_libdir}/sysusers.d ${nonarch_libdir}/tmpfiles.d"
CONFFILES:${PN} = "${sysconfdir}/fob/fob.toml"

RDEPENDS:${PN} += "ca-certificates"
RDEPENDS:${PN}-gateway += "${PN}"
# What systemd needs to seal credentials with a TPM2.
RRECOMMENDS:${PN} += "${@bb.utils.contains('MACHINE_FEATURES', 'tpm2', 'tpm2-tss', '', d)}"

USERADD_PACKAGES = "${PN} ${PN}-gateway"
GROUPADD_PARAM:${PN} = "--system fob-admin"
USERADD_PARAM:${PN} = "--system --user-group --no-create-home --home-dir / --shell /sbin/nologin fob"
USERADD_PARAM:${PN}-gateway = "--system --user-group --no-create-home --home-dir / --shell /sbin/nologin fob-gateway"

# A profile's exchanger is enabled by its first credential, on the device.
SYSTEMD_PACKAGES = "${PN} ${PN}-gateway"
SYSTEMD_SERVICE:${PN} = "fob.socket fob.service fob-promote.socket fob-witness.socket fob-inbox.path fob-inbox.timer"
SYSTEMD_SERVICE:${PN}-gateway = "fob-gateway.socket"
SYSTEMD_AUTO_ENABLE:${PN}-gateway = "disable"
