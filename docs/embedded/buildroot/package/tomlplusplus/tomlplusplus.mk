################################################################################
#
# tomlplusplus
#
################################################################################

# 3.3.0
TOMLPLUSPLUS_VERSION = c635f218c0aefc801d9748841930365e54fe3089
TOMLPLUSPLUS_SITE = https://github.com/marzer/tomlplusplus.git
TOMLPLUSPLUS_SITE_METHOD = git
TOMLPLUSPLUS_LICENSE = MIT
TOMLPLUSPLUS_LICENSE_FILES = LICENSE
TOMLPLUSPLUS_INSTALL_STAGING = YES
TOMLPLUSPLUS_INSTALL_TARGET = NO

define TOMLPLUSPLUS_INSTALL_STAGING_CMDS
	mkdir -p $(STAGING_DIR)/usr/include
	cp -r $(@D)/include/toml++ $(STAGING_DIR)/usr/include/
endef

$(eval $(generic-package))
