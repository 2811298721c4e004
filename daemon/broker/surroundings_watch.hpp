// Tells the broker what happens around the device: networks that come up, clocks that are set, sleep.
#pragma once

#include "daemon/broker/broker.hpp"
#include "ipc/base/log.hpp"
#include "ipc/transport/clock_watch.hpp"
#include "ipc/transport/network_watch.hpp"

#include <boost/asio/any_io_executor.hpp>

namespace fob::broker {

/// One thread. The broker outlives it.
class SurroundingsWatch {
 public:
  SurroundingsWatch(boost::asio::any_io_executor executor, const Clock& clock, Broker& broker, Log& log);

  /// The broker may have begun or ceased to mind the network: listens to it while it does.
  void adjust();
  /// To be called before a deadline is relied upon: notices sleep that nothing else told of.
  void look_at_clock() { clock_watch_.look(); }

 private:
  void tell(core::Change change);

  Broker& broker_;
  Log& log_;
  transport::ClockWatch clock_watch_;
  transport::NetworkWatch network_watch_;
  bool deaf_ = false;  ///< said once in the log
};

}  // namespace fob::broker
