// Turns of an event loop that are not lost on a busy machine.
#pragma once

#include <boost/asio/io_context.hpp>

#include <chrono>

namespace fob::test {

/// Turns the loop for so long, and on for as long as it has something to do: where the machine is busy, the
/// time may be over before the first turn.
inline void turn_for(boost::asio::io_context& io, std::chrono::milliseconds time) {
  io.run_for(time);
  while (io.poll() > 0) continue;
}

}  // namespace fob::test
