// What fobd has in memory and will not need again soon, given back to the kernel: what the heap has left of a
// crowd, and the code that only its start or an exchange ran through. A device has fobd for months, and
// something for it to do for some milliseconds an hour.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace fob::broker {

/// At once. Code comes back from the file it was read from when it is run again; for long it is still in the
/// page cache. Takes a millisecond or so. Any thread.
void give_back_memory();

/// One thread.
class SpareMemory {
 public:
  explicit SpareMemory(boost::asio::io_context& io) : timer_(io) {}

  /// A moment after the last time this was said: what was under way then has come to its end.
  void give_back_soon();
  /// Not any more.
  void cancel() { timer_.cancel(); }

 private:
  boost::asio::steady_timer timer_;
};

}  // namespace fob::broker
