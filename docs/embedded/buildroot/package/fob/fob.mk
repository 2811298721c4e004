################################################################################
#
# fob
#
################################################################################

FOB_VERSION = $(call qstrip,$(BR2_PACKAGE_FOB_COMMIT))
FOB_SITE = $(call qstrip,$(BR2_PACKAGE_FOB_REPOSITORY))
FOB_SITE_METHOD = git
FOB_LICENSE = Apache-2.0
FOB_LICENSE_FILES = LICENSE
FOB_INSTALL_STAGING = YES
FOB_SUPPORTS_IN_SOURCE_BUILD = NO
FOB_DEPENDENCIES = boost cli11 host-pkgconf json-for-modern-cpp libcurl libseccomp libsecret libsodium openssl tomlplusplus

FOB_CONF_OPTS = \
	-DCMAKE_BUILD_TYPE=RelWithDebInfo \
	-DFOB_TESTS=OFF \
	-DFOB_PRECOMPILE=OFF
FOB_BUILD_OPTS = --target fob fobd fob-exchange fob-witness fob-gateway libfob package-files

# A compiler that is newer than fob's own warns of more.
define FOB_WITHOUT_WERROR
	$(SED) 's/ -Werror$$//' $(@D)/cmake/fob_build.cmake
endef
FOB_POST_PATCH_HOOKS += FOB_WITHOUT_WERROR

# Not the target "install", which would build the sandbox authority too.
define FOB_INSTALL_STAGING_CMDS
	for component in libfob0 libfob-dev; do \
		DESTDIR=$(STAGING_DIR) $(BR2_CMAKE) --install $(FOB_BUILDDIR) --component $$component || exit 1; \
	done
endef

define FOB_INSTALL_TARGET_CMDS
	for component in fob libfob0; do \
		DESTDIR=$(TARGET_DIR) $(BR2_CMAKE) --install $(FOB_BUILDDIR) --component $$component || exit 1; \
	done
	$(FOB_LEAVE_OUT)
endef

ifneq ($(BR2_PACKAGE_FOB_GATEWAY),y)
define FOB_LEAVE_OUT_GATEWAY
	rm -f $(TARGET_DIR)/usr/bin/fob-gateway $(TARGET_DIR)/usr/lib/systemd/system/fob-gateway.*
endef
endif

ifneq ($(BR2_INIT_SYSTEMD),y)
define FOB_LEAVE_OUT_UNITS
	rm -f $(TARGET_DIR)/usr/lib/systemd/system/fob* $(TARGET_DIR)/usr/lib/systemd/user/fob* \
		$(TARGET_DIR)/usr/lib/systemd/system-generators/fob-generator $(TARGET_DIR)/usr/lib/systemd/system-preset/80-fob.preset \
		$(TARGET_DIR)/usr/lib/sysusers.d/fob.conf $(TARGET_DIR)/usr/lib/tmpfiles.d/fob.conf
endef
endif

define FOB_LEAVE_OUT
	$(FOB_LEAVE_OUT_GATEWAY)
	$(FOB_LEAVE_OUT_UNITS)
endef

define FOB_USERS
	fob -1 fob -1 * / - - fob, the credential daemon
	fob-gateway -1 fob-gateway -1 * / - - fob's gateway for SDKs and web pages
	- - fob-admin -1 - - - - May operate fobd
endef

define FOB_LINUX_CONFIG_FIXUPS
	$(call KCONFIG_ENABLE_OPT,CONFIG_SECCOMP)
	$(call KCONFIG_ENABLE_OPT,CONFIG_SECCOMP_FILTER)
	$(call KCONFIG_ENABLE_OPT,CONFIG_SECURITY_LANDLOCK)
	$(call KCONFIG_ENABLE_OPT,CONFIG_INET_DIAG)
	$(call KCONFIG_ENABLE_OPT,CONFIG_USER_NS)
endef

$(eval $(cmake-package))
