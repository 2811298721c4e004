#include "ipc/transport/network_watch.hpp"

#include "ipc/base/file.hpp"
#include "ipc/base/unique_fd.hpp"
#include "ipc/transport/awaiting.hpp"
#include "ipc/transport/route_messages.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <array>
#include <cerrno>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

namespace fob::transport {
namespace asio = boost::asio;

namespace {

constexpr unsigned k_groups =
    RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;

// Reads what is there. True if it tells of a network.
bool hear_all(int socket, RouteMessages& messages) {
  alignas(nlmsghdr) std::array<std::byte, 16384> datagram;
  bool up = false;
  while (true) {
    sockaddr_nl from{};
    socklen_t size = sizeof from;
    const ssize_t got = ::recvfrom(socket, datagram.data(), datagram.size(), MSG_DONTWAIT,
                                   reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 0 && errno == EINTR) continue;
    // So much happened that the kernel lost count: then the network may well be among it.
    if (got < 0 && errno == ENOBUFS) return true;
    if (got < 0) return up;
    // Other processes can write to netlink groups too, if they may.
    if (from.nl_pid == 0) up |= messages.tell_of_network({datagram.data(), static_cast<std::size_t>(got)});
  }
}

asio::awaitable<void> hear(std::shared_ptr<asio::posix::stream_descriptor> socket,
                           std::function<void()> came_up) {
  RouteMessages messages;
  while (socket->is_open()) {
    const auto [error] = co_await socket->async_wait(asio::posix::stream_descriptor::wait_read, k_tuple);
    if (error) co_return;
    if (hear_all(socket->native_handle(), messages)) came_up();
  }
}

}  // namespace

NetworkWatch::NetworkWatch(asio::any_io_executor executor, std::function<void()> came_up)
    : executor_(std::move(executor)), came_up_(std::move(came_up)) {}

NetworkWatch::~NetworkWatch() { rest(); }

Result<void> NetworkWatch::listen() {
  if (socket_) return {};
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  sockaddr_nl groups{};
  groups.nl_family = AF_NETLINK;
  groups.nl_groups = k_groups;
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&groups), sizeof groups) != 0)
    return fail(ErrorCode::internal, with_errno("rtnetlink"));
  auto socket = std::make_shared<Socket>(executor_);
  boost::system::error_code error;
  socket->assign(fd.get(), error);
  if (error) return fail(ErrorCode::internal, "rtnetlink: " + error.message());
  static_cast<void>(fd.release());
  socket_ = std::move(socket);
  asio::co_spawn(executor_, hear(socket_, came_up_), asio::detached);
  return {};
}

void NetworkWatch::rest() {
  if (!socket_) return;
  boost::system::error_code ignored;
  socket_->close(ignored);
  socket_.reset();
}

}  // namespace fob::transport
