// How a coroutine awaits an operation whose error it means to look at, as in
//   const auto [error, size] = co_await asio::async_write(socket, bytes, k_tuple);
// Awaited plainly, such an operation throws.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace fob::transport {

inline constexpr auto k_tuple = boost::asio::as_tuple(boost::asio::use_awaitable);

}  // namespace fob::transport
