#include "daemon/gateway/doorkeeper.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

namespace fob::gateway {

std::vector<UniqueFd> doubles_of(const std::vector<HandedDescriptor>& handed) {
  std::vector<UniqueFd> doubles;
  for (const auto& one : handed)
    if (UniqueFd fd(::fcntl(one.fd.get(), F_DUPFD_CLOEXEC, 0)); fd) doubles.push_back(std::move(fd));
  return doubles;
}

void turn_away(const std::vector<UniqueFd>& sockets, std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  std::vector<pollfd> doors;
  for (const auto& socket : sockets) doors.push_back({socket.get(), POLLIN, 0});
  while (!doors.empty()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return;
    if (::poll(doors.data(), doors.size(), static_cast<int>(left.count())) < 0) return;
    for (const auto& door : doors)
      if (door.revents != 0) UniqueFd(::accept4(door.fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  }
}

}  // namespace fob::gateway
