// Lets one coroutine sleep until it is woken or a time is over; a wake-up that comes early is not lost.
#pragma once

#include "ipc/transport/awaiting.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <utility>

namespace fob::broker {

/// One thread, the executor's. One sleeper at a time.
class Wakeup {
 public:
  explicit Wakeup(const boost::asio::any_io_executor& executor) : timer_(executor) {}

  /// True once woken since the last call, and false after `at_most`. The first call returns at once.
  boost::asio::awaitable<bool> sleep(std::chrono::seconds at_most) {
    if (!woken_) {
      timer_.expires_after(at_most);
      co_await timer_.async_wait(transport::k_tuple);
    }
    co_return std::exchange(woken_, false);
  }
  void wake() {
    woken_ = true;
    timer_.cancel();
  }

 private:
  boost::asio::steady_timer timer_;
  bool woken_ = true;
};

}  // namespace fob::broker
