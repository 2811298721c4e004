// GET /metrics: what a monitoring system wants to know of fobd and of each profile (docs/metrics.md). The
// names are for others to build alarms on, so they stay. Labels are names of profiles and words of ours, so
// that there are never more series than the configuration makes; no token, no fingerprint, nothing of a peer.
#pragma once

#include "daemon/broker/exposition.hpp"
#include "daemon/broker/http_server.hpp"
#include "daemon/broker/token_keeper.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace fob::broker {

struct ProfileSample {
  std::string profile;
  TokenKeeper::Status status;
};

struct SocketSample {
  std::string_view socket;  ///< "apps" or "operators"
  Traffic traffic;
};

struct DaemonSample {
  std::vector<ProfileSample> profiles;
  std::vector<SocketSample> sockets;
  WallTime started;  ///< by the clock of now
  BootTime now;      ///< when the samples were taken
  WallTime wall_now;
};

std::string metrics_text(const DaemonSample& daemon, Exposed format);

}  // namespace fob::broker
