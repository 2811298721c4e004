// A unit of the system installation, asked through the socket that systemd listens on for it. systemd starts
// the unit when somebody connects. Where the unit cannot start, or has just ended, systemd closes what waits
// on the socket: then the question is asked again, a few times.
#pragma once

#include "daemon/broker/conversation.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>

namespace fob::broker {

enum class NoUnit : std::uint8_t {
  absent,      ///< there is no such socket: its unit is not enabled
  deaf,        ///< it is there and nobody listens: its unit is down
  forbidden,   ///< fobd may not connect to it
  mute,        ///< connected and closed without a byte, each time
  unreachable  ///< this process lacks something: descriptors, a shorter path
};

/// What came of it: one talk with the unit, or why there was none.
using UnitTalk = std::variant<Talk, NoUnit>;

/// Asks `line`, which ends in a newline, and takes at most `limit` bytes of the answer. All attempts together
/// take no longer than `patience` and some 400 ms. One that is cancelled closes its connection.
boost::asio::awaitable<UnitTalk> ask_unit(boost::asio::any_io_executor executor, std::filesystem::path socket,
                                          std::string line, std::chrono::milliseconds patience,
                                          std::size_t limit);

}  // namespace fob::broker
