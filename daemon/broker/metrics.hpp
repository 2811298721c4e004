// GET /metrics: what a monitoring system wants to know of each profile, in Prometheus' text format 0.0.4. The
// names are for others to build alarms on, so they stay. No token, no fingerprint.
#pragma once

#include "daemon/broker/token_keeper.hpp"

#include <string>
#include <vector>

namespace fob::broker {

inline constexpr const char* k_metrics_type = "text/plain; version=0.0.4; charset=utf-8";

struct ProfileSample {
  std::string profile;
  TokenKeeper::Status status;
};

/// `now`: when the samples were taken.
std::string metrics_text(const std::vector<ProfileSample>& profiles, BootTime now);

}  // namespace fob::broker
