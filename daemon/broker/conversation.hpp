// One line to another process of fob's over a socket that is connected, and one line back. Whatever that
// process does (dies, hangs, floods, trickles), it ends within a bounded time and in bounded memory.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace fob::broker {

enum class TalkEnd : std::uint8_t {
  answered,
  silent,    ///< no whole line in time
  too_much,  ///< more than the bound, without a newline
  cut_off,   ///< closed or reset before there was a whole line
};

struct Talk {
  TalkEnd end = TalkEnd::cut_off;
  std::string text;  ///< the line, without its newline; where it was cut off, what there was of it
};

/// `line` ends in a newline. Of the answer at most `limit` bytes are taken. The socket is closed at the end,
/// and where this is cancelled.
boost::asio::awaitable<Talk> converse(boost::asio::any_io_executor executor,
                                      boost::asio::local::stream_protocol::socket socket, std::string line,
                                      std::chrono::milliseconds patience, std::size_t limit);

}  // namespace fob::broker
