// One life of fobd: the broker and what it needs around it, on one io_context, from the first listening
// socket to the last answer. Not thread-safe: one thread makes it and serves.
#pragma once

#include "daemon/broker/broker.hpp"
#include "daemon/broker/helpers.hpp"
#include "daemon/broker/http_server.hpp"
#include "daemon/broker/kept_profiles.hpp"
#include "daemon/broker/listeners.hpp"
#include "daemon/broker/metrics.hpp"
#include "daemon/broker/service_manager.hpp"
#include "daemon/broker/spare_memory.hpp"
#include "daemon/broker/supervision.hpp"
#include "daemon/broker/surroundings_watch.hpp"
#include "ipc/base/log.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <optional>
#include <sys/types.h>
#include <vector>

namespace fob::broker {

class Daemon {
 public:
  /// All that is given by reference outlives it.
  Daemon(const config::Locations& at, config::Config config, const ServiceManager& manager,
         KeptProfiles& kept, const Starter& start, const SystemClock& clock, Log& log);

  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon();

  /// Until SIGTERM or SIGINT; SIGHUP reloads. What was asked by then is answered. `admins`: the group of
  /// those who may operate beside root and this user.
  void serve(const config::Locations& at, Listeners listeners, std::optional<gid_t> admins);

 private:
  Surroundings surroundings(const config::Locations& at, const Starter& start);
  std::vector<SocketSample> sockets() const;
  void watch_signals();
  void reload();
  void begin_to_end();
  void end_when_done();
  void tell_repeats_at(BootTime due);

  Log& log_;
  const SystemClock& clock_;
  KeptProfiles& kept_;
  const ServiceManager& manager_;
  SystemRandom random_;
  boost::asio::io_context io_{1};
  boost::asio::signal_set signals_;
  boost::asio::steady_timer end_;
  boost::asio::steady_timer repeats_;
  std::optional<BootTime> ending_since_;
  std::vector<HttpServer*> servers_;
  SpareMemory spare_;
  std::optional<SurroundingsWatch> watch_;
  Broker broker_;
  Supervision supervision_;
};

}  // namespace fob::broker
