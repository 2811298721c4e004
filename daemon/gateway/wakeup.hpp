// Lets one coroutine sleep until something has happened; what happened before it went to sleep is not lost.
#pragma once

#include "daemon/gateway/awaiting.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <utility>

namespace fob::gateway {

/// One thread, the executor's. One sleeper at a time.
class Wakeup {
 public:
  explicit Wakeup(const boost::asio::any_io_executor& executor)
      : timer_(executor, boost::asio::steady_timer::time_point::max()) {}

  boost::asio::awaitable<void> sleep() {
    if (!woken_) co_await timer_.async_wait(k_tuple);
    woken_ = false;
  }
  void wake() {
    woken_ = true;
    timer_.cancel();
  }

 private:
  boost::asio::steady_timer timer_;
  bool woken_ = false;
};

}  // namespace fob::gateway
