// fobd's side of being a service: says when it is ready, how it does and that its loop turns.
#pragma once

#include "daemon/broker/broker.hpp"
#include "daemon/broker/service_manager.hpp"
#include "ipc/base/log.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <string>

namespace fob::broker {

/// One thread, the loop's, whose turning is what the watchdog is told of. Does nothing, and wakes nobody,
/// where there is no manager.
class Supervision {
 public:
  /// What is referred to outlives this.
  Supervision(boost::asio::io_context& io, const ServiceManager& manager, const Broker& broker, Log& log);

  /// Requests are answered from now on.
  void begin();
  /// Around a reading of the configuration.
  void reloading(std::chrono::nanoseconds awake_time);
  void reloaded();
  /// Requests are answered no more.
  void end();
  /// Something may have changed: the status line is told anew, a moment later and if it did.
  void stirred();

 private:
  void feed();
  void tell_status();

  const ServiceManager& manager_;
  const Broker& broker_;
  Log& log_;
  boost::asio::steady_timer watchdog_;
  boost::asio::steady_timer soon_;
  bool begun_ = false;
  bool pending_ = false;
  std::string told_;
};

}  // namespace fob::broker
