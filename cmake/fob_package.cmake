# The system installation: what `cmake --install` puts where, and the Debian package made of it with `cpack -G DEB`.
# The sandbox authority is for development, and in no package.
include(GNUInstallDirs)

install(TARGETS fob fobd RUNTIME DESTINATION bin COMPONENT fob)
install(TARGETS fob-exchange fob-witness RUNTIME DESTINATION libexec/fob COMPONENT fob)
install(DIRECTORY systemd/system/ DESTINATION lib/systemd/system COMPONENT fob)
install(DIRECTORY systemd/user/ DESTINATION lib/systemd/user COMPONENT fob)
install(PROGRAMS systemd/generator/fob-generator DESTINATION lib/systemd/system-generators COMPONENT fob)
install(FILES systemd/fob.preset DESTINATION lib/systemd/system-preset RENAME 80-fob.preset COMPONENT fob)
install(FILES systemd/fob.sysusers DESTINATION lib/sysusers.d RENAME fob.conf COMPONENT fob)
install(FILES systemd/fob.tmpfiles DESTINATION lib/tmpfiles.d RENAME fob.conf COMPONENT fob)
install(FILES systemd/fob.toml DESTINATION /etc/fob COMPONENT fob)
install(FILES docs/configuration.md docs/grants.md docs/install.md docs/stores.md docs/fleet-bundle.md ipc/PROTOCOL.md README.md CHANGELOG.md
  DESTINATION share/doc/fob COMPONENT fob)
install(FILES systemd/debian/copyright DESTINATION share/doc/fob COMPONENT fob)

# What a package holds besides what is built anyway.
add_custom_target(package-files)
# Compressed as Debian wants it, and without a time, so that the same source makes the same package.
function(fob_install_compressed source name destination)
  set(packed ${CMAKE_BINARY_DIR}/packed/${name}.gz)
  add_custom_command(OUTPUT ${packed}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/packed
    COMMAND gzip -9nc ${source} > ${packed}
    DEPENDS ${source} VERBATIM)
  add_custom_target(packed-${name} ALL DEPENDS ${packed})
  add_dependencies(package-files packed-${name})
  install(FILES ${packed} DESTINATION ${destination} COMPONENT fob)
endfunction()
fob_install_compressed(${CMAKE_SOURCE_DIR}/systemd/debian/changelog changelog share/doc/fob)
foreach(page fob.1 fobd.8 fob-exchange.8 fob-witness.8)
  string(REGEX REPLACE ".*\\." "" section ${page})
  fob_install_compressed(${CMAKE_SOURCE_DIR}/docs/man/${page} ${page} share/man/man${section})
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME fob)
set(CPACK_PACKAGE_VENDOR "fob")
set(CPACK_PACKAGE_CONTACT "fob <fob@users.noreply.github.com>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL fob)
set(CPACK_DEBIAN_FOB_PACKAGE_NAME fob)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_FOB_PACKAGE_DEPENDS "systemd (>= 252), ca-certificates, debconf (>= 0.5) | debconf-2.0")
set(CPACK_DEBIAN_FOB_PACKAGE_RECOMMENDS "libtss2-esys-3.0.2-0, libtss2-mu0, libtss2-rc0")
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
include(CPack)
