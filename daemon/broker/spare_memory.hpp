// What fobd has in memory and will not need again soon, given back to the kernel: what the heap has left of a
// crowd, and the code that only its start or an exchange ran through. A device has fobd for months, and
// something for it to do for some milliseconds an hour.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <utility>

namespace fob::broker {

/// At once. Code comes back from the file it was read from when it is run again; for long it is still in the
/// page cache. Takes a millisecond or so. Any thread.
void give_back_memory();

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
