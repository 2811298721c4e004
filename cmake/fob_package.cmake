# The system installation: what `cmake --install` puts where, and the Debian packages made of it with `cpack -G DEB`:
# fob, the daemon; libfob0, libfob-dev and python3-libfob, for apps. The sandbox authority is for development, and in none.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

install(TARGETS fob fobd fob-gateway RUNTIME DESTINATION bin COMPONENT fob)
install(TARGETS fob-exchange fob-witness RUNTIME DESTINATION libexec/fob COMPONENT fob)
install(DIRECTORY systemd/system/ DESTINATION lib/systemd/system COMPONENT fob)
install(DIRECTORY systemd/user/ DESTINATION lib/systemd/user COMPONENT fob)
install(PROGRAMS systemd/generator/fob-generator DESTINATION lib/systemd/system-generators COMPONENT fob)
install(FILES systemd/fob.preset DESTINATION lib/systemd/system-preset RENAME 80-fob.preset COMPONENT fob)
install(FILES systemd/fob.sysusers DESTINATION lib/sysusers.d RENAME fob.conf COMPONENT fob)
install(FILES systemd/fob.tmpfiles DESTINATION lib/tmpfiles.d RENAME fob.conf COMPONENT fob)
install(FILES systemd/fob.toml DESTINATION /etc/fob COMPONENT fob)
install(FILES docs/apps.md docs/configuration.md docs/errors.md docs/fleet-bundle.md docs/gateway.md docs/grants.md docs/install.md docs/logs.md docs/metrics.md
  docs/openapi.yaml docs/operators.md docs/stores.md docs/threat-model.md ipc/PROTOCOL.md README.md CHANGELOG.md
  DESTINATION share/doc/fob COMPONENT fob)
# Where each shell looks for what a package brings.
foreach(program fob fobd fob-gateway)
  install(FILES docs/completions/${program}.bash DESTINATION share/bash-completion/completions RENAME ${program} COMPONENT fob)
  install(FILES docs/completions/_${program} DESTINATION share/zsh/vendor-completions COMPONENT fob)
  install(FILES docs/completions/${program}.fish DESTINATION share/fish/vendor_completions.d COMPONENT fob)
endforeach()

# What a package holds besides what is built anyway.
add_custom_target(package-files)
# Compressed as Debian wants it, and without a time, so that the same source makes the same package.
function(fob_install_compressed component source name destination)
  set(packed ${CMAKE_BINARY_DIR}/packed/${name}.gz)
  if(NOT TARGET packed-${name})
    add_custom_command(OUTPUT ${packed}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/packed
      COMMAND gzip -9nc ${source} > ${packed}
      DEPENDS ${source} VERBATIM)
    add_custom_target(packed-${name} ALL DEPENDS ${packed})
    add_dependencies(package-files packed-${name})
  endif()
  install(FILES ${packed} DESTINATION ${destination} COMPONENT ${component})
endfunction()
foreach(package fob libfob0 libfob-dev python3-libfob)
  install(FILES systemd/debian/copyright DESTINATION share/doc/${package} COMPONENT ${package})
  fob_install_compressed(${package} ${CMAKE_SOURCE_DIR}/systemd/debian/changelog changelog share/doc/${package})
endforeach()
foreach(page fob.1 fob-fleet.1 fob.toml.5 fobd.8 fob-exchange.8 fob-gateway.8 fob-witness.8)
  string(REGEX REPLACE ".*\\." "" section ${page})
  fob_install_compressed(fob ${CMAKE_SOURCE_DIR}/docs/man/${page} ${page} share/man/man${section})
endforeach()

# libfob. Debian keeps libraries apart by architecture, so that those of two may be installed beside each other.
add_dependencies(package-files libfob)
get_target_property(FOB_SONAME_VERSION libfob SOVERSION)
set(FOB_LIBDIR ${CMAKE_INSTALL_LIBDIR})
if(CMAKE_LIBRARY_ARCHITECTURE)
  set(FOB_LIBDIR lib/${CMAKE_LIBRARY_ARCHITECTURE})
endif()
file(RELATIVE_PATH FOB_UP_FROM_PKGCONFIG /prefix/${FOB_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" FOB_UP_FROM_PKGCONFIG "${FOB_UP_FROM_PKGCONFIG}")
set(made ${CMAKE_BINARY_DIR}/packed/libfob)
configure_file(cmake/shlibs.in ${made}/shlibs @ONLY)
configure_file(cmake/fob.pc.in ${made}/fob.pc @ONLY)
configure_package_config_file(cmake/fobConfig.cmake.in ${made}/fobConfig.cmake INSTALL_DESTINATION ${FOB_LIBDIR}/cmake/fob
  INSTALL_PREFIX /usr PATH_VARS FOB_LIBDIR CMAKE_INSTALL_INCLUDEDIR NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(${made}/fobConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(TARGETS libfob LIBRARY DESTINATION ${FOB_LIBDIR} COMPONENT libfob0 NAMELINK_COMPONENT libfob-dev)
install(FILES ipc/client/fob.h ipc/client/fob.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT libfob-dev)
install(FILES ${made}/fob.pc DESTINATION ${FOB_LIBDIR}/pkgconfig COMPONENT libfob-dev)
install(FILES ${made}/fobConfig.cmake ${made}/fobConfigVersion.cmake DESTINATION ${FOB_LIBDIR}/cmake/fob COMPONENT libfob-dev)
install(FILES docs/libfob.md DESTINATION share/doc/libfob-dev COMPONENT libfob-dev)
# To be copied into an app.
install(FILES ipc/client/csharp/LibFob.cs DESTINATION share/doc/libfob-dev/examples COMPONENT libfob-dev)
install(FILES ipc/client/python/libfob.py DESTINATION lib/python3/dist-packages COMPONENT python3-libfob)
fob_install_compressed(libfob-dev ${CMAKE_SOURCE_DIR}/docs/man/libfob.3 libfob.3 share/man/man3)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME fob)
set(CPACK_PACKAGE_VENDOR "fob")
set(CPACK_PACKAGE_CONTACT "fob <fob@users.noreply.github.com>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL fob libfob0 libfob-dev python3-libfob)
set(CPACK_DEBIAN_FOB_PACKAGE_NAME fob)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_POST_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/cmake/finish_libfob_packages.cmake)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_FOB_PACKAGE_DEPENDS "systemd (>= 252), ca-certificates, debconf (>= 0.5) | debconf-2.0")
set(CPACK_DEBIAN_FOB_PACKAGE_RECOMMENDS "libtss2-esys-3.0.2-0, libtss2-mu0, libtss2-rc0, libsecret-1-0")
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_FOB_DESCRIPTION "credential daemon: access tokens for local apps, and no secret for any
fob holds a device's long-lived OAuth 2.0 client credentials (or MultiSet's)
in secure storage, keeps a valid short-lived access token ready, and serves
it to local apps over a Unix socket, so that no app ever sees the secret.")
set(CPACK_DEBIAN_FOB_PACKAGE_CONTROL_EXTRA
  ${CMAKE_SOURCE_DIR}/systemd/debian/conffiles ${CMAKE_SOURCE_DIR}/systemd/debian/postinst
  ${CMAKE_SOURCE_DIR}/systemd/debian/prerm ${CMAKE_SOURCE_DIR}/systemd/debian/postrm
  ${CMAKE_SOURCE_DIR}/systemd/debian/config ${CMAKE_SOURCE_DIR}/systemd/debian/templates)
set(CPACK_DEBIAN_FOB_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_LIBFOB0_PACKAGE_NAME libfob0)
set(CPACK_DEBIAN_LIBFOB0_PACKAGE_SOURCE fob)
set(CPACK_DEBIAN_LIBFOB0_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBFOB0_PACKAGE_SUGGESTS fob)
set(CPACK_DEBIAN_LIBFOB0_DESCRIPTION "access tokens from the fob daemon, for apps - shared library
fob holds a device's long-lived OAuth 2.0 client credentials (or MultiSet's)
and serves short-lived access tokens to local apps. libfob gets a token that
is alive, mostly without a system call, and says when there is a new one.")
set(CPACK_DEBIAN_LIBFOB0_PACKAGE_CONTROL_EXTRA ${made}/shlibs ${CMAKE_SOURCE_DIR}/systemd/debian/libfob0/triggers)
set(CPACK_DEBIAN_LIBFOB0_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_LIBFOB-DEV_PACKAGE_NAME libfob-dev)
set(CPACK_DEBIAN_LIBFOB-DEV_PACKAGE_SOURCE fob)
set(CPACK_DEBIAN_LIBFOB-DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBFOB-DEV_PACKAGE_DEPENDS "libfob0 (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_LIBFOB-DEV_DESCRIPTION "access tokens from the fob daemon, for apps - development files
Headers for C and C++, a pkg-config file and a CMake package to build apps
with libfob, and a single file in C# for Unity, Mono and .NET.")

set(CPACK_DEBIAN_PYTHON3-LIBFOB_PACKAGE_NAME python3-libfob)
set(CPACK_DEBIAN_PYTHON3-LIBFOB_PACKAGE_SOURCE fob)
set(CPACK_DEBIAN_PYTHON3-LIBFOB_PACKAGE_SECTION python)
set(CPACK_DEBIAN_PYTHON3-LIBFOB_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_PYTHON3-LIBFOB_PACKAGE_DEPENDS "python3:any (>= 3.9), libfob0 (>= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_PYTHON3-LIBFOB_DESCRIPTION "access tokens from the fob daemon, for apps in Python
A module over libfob, which gets a token that is alive and says when there is
a new one.")
set(CPACK_DEBIAN_PYTHON3-LIBFOB_PACKAGE_CONTROL_EXTRA
  ${CMAKE_SOURCE_DIR}/systemd/debian/python3-libfob/postinst ${CMAKE_SOURCE_DIR}/systemd/debian/python3-libfob/prerm)
set(CPACK_DEBIAN_PYTHON3-LIBFOB_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
