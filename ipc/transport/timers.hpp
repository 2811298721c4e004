// A remedy for Asio's epoll reactor: it leaves its timerfd armed when a timer is cancelled, so that an idle
// daemon is woken once more for each deadline that was met (docs/traps.md, 21).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>

namespace fob::transport {

/// Lets the reactor look at its timers now, after which its timerfd waits for the next one that is real. To
/// be called when something that had a deadline has ended.
inline void forget_met_deadlines(const boost::asio::any_io_executor& executor) {
  const auto now = std::make_shared<boost::asio::steady_timer>(executor, std::chrono::nanoseconds(0));
  now->async_wait([now](const boost::system::error_code&) {});
}

}  // namespace fob::transport
