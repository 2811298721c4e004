// A timer on CLOCK_BOOTTIME: it counts suspend, cannot be moved by setting the clock, and does not wake a
// sleeping device (timerfd_create(2)). Asio's own timers run on CLOCK_MONOTONIC, which stops in suspend: a
// token would outlive its deadline unnoticed.
#pragma once

#include "ipc/base/clock.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace fob::transport {

class BootTimer {
 public:
  /// Throws boost::system::system_error where the kernel refuses a timer.
  explicit BootTimer(boost::asio::any_io_executor executor);

  /// Lets wait() return at `when`; replaces what was armed before.
  void arm(BootTime when);
  void disarm();
  /// Returns when the armed instant has come (true), or when the timer was closed (false). One waiter at a
  /// time.
  boost::asio::awaitable<bool> wait();
  void close();

 private:
  boost::asio::posix::stream_descriptor timer_;
};

}  // namespace fob::transport
