// When fobd gives back what it has in memory and will not need again soon (give_back_memory()). A device has
// fobd for months, and something for it to do for some milliseconds an hour.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <utility>

namespace fob::broker {

/// One thread.
class SpareMemory {
 public:
  /// At least `apart` is between two times; `first` is called before each.
  SpareMemory(
      boost::asio::io_context& io, std::chrono::seconds apart, std::function<void()> first = [] {})
      : timer_(io), apart_(apart), first_(std::move(first)) {}

  /// A moment after the last time this was said: what was under way then has come to its end. Whoever has
  /// said it lives until then, or cancels.
  void give_back_soon();
  /// Not any more.
  void cancel() { timer_.cancel(); }

 private:
  boost::asio::steady_timer timer_;
  std::chrono::seconds apart_;
  std::function<void()> first_;
  std::chrono::steady_clock::time_point given_{};
};

}  // namespace fob::broker
