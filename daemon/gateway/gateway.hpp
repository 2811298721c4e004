// fob-gateway's listeners: who may connect, how many at once, and when it has been idle for long enough to
// end.
#pragma once

#include "daemon/config/config.hpp"
#include "daemon/gateway/acceptors.hpp"
#include "daemon/gateway/audit.hpp"
#include "daemon/gateway/upstream.hpp"
#include "ipc/base/clock.hpp"
#include "ipc/base/log.hpp"
#include "ipc/base/result.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <set>
#include <sys/types.h>
#include <vector>

namespace fob::gateway {

/// What a listener needs that is read from files: made before confine_gateway(), which takes them away.
struct Plan {
  config::Gateway settings;
  std::set<uid_t> users;
  UpstreamSettings upstream;
};

/// Of each listener that `config` names. Fails with config.
Result<std::vector<Plan>> plan_listeners(const config::Config& config);

class Gateway {
 public:
  /// A listener for each plan, behind its acceptor. `app_socket` is fobd's. Fails with config. Starts
  /// threads. All that is given by reference outlives it.
  static Result<std::unique_ptr<Gateway>> open(boost::asio::io_context& io, std::vector<Plan> plans,
                                               const std::filesystem::path& app_socket, Acceptors acceptors,
                                               const Clock& clock, Log& log, Audit& audit);
  virtual ~Gateway() = default;

  /// Stops the loop once nobody has been connected for so long.
  virtual void end_when_idle_for(std::chrono::seconds time) = 0;
};

}  // namespace fob::gateway
