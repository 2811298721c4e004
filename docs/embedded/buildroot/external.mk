include $(sort $(wildcard $(BR2_EXTERNAL_FOB_PATH)/package/*/*.mk))
