// A promotion in the system installation: `fob credential promote --asked` is a unit of its own,
// fob-promote@, with the rights that a write to the store takes, and is asked through a socket.
#pragma once

#include "daemon/broker/promotion.hpp"

namespace fob::broker {

/// A Promote that asks at `socket` each time; see wire/promotion_line.hpp.
Promote promote_by_socket(boost::asio::any_io_executor executor, std::filesystem::path socket,
                          std::chrono::milliseconds deadline = wire::k_exchange_deadline);

}  // namespace fob::broker
