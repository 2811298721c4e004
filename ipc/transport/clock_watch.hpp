// Notices what happens to time itself: that the wall clock was set, and that the device slept. Both come from
// a timer that the kernel cancels when the clock jumps (TFD_TIMER_CANCEL_ON_SET, timerfd_create(2)), as it
// does after suspend too; that the device slept shows in the drift between CLOCK_BOOTTIME, which counts
// suspend, and CLOCK_MONOTONIC, which does not. It never wakes a device by itself.
#pragma once

#include "ipc/base/clock.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace fob::transport {

enum class TimeJump : std::uint8_t { clock_set, slept };

class ClockWatch {
 public:
  /// `jumped` is called on the executor. Throws boost::system::system_error where the kernel refuses a timer.
  ClockWatch(boost::asio::any_io_executor executor, const Clock& clock, std::function<void(TimeJump)> jumped);
  ~ClockWatch();
  ClockWatch(const ClockWatch&) = delete;
  ClockWatch& operator=(const ClockWatch&) = delete;

  /// Looks whether the device has slept since the last look. Cheap: whoever wakes up for another reason may
  /// ask before it relies on a deadline.
  void look();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace fob::transport
