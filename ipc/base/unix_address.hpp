// Where a Unix socket is, as the kernel takes it (unix(7)).
#pragma once

#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>

namespace fob {

/// The longest path that a socket can have, in bytes.
inline constexpr std::size_t k_max_socket_path = sizeof(sockaddr_un::sun_path) - 1;

/// The address of the socket at `path`. Nothing, with ENAMETOOLONG in errno, beyond k_max_socket_path.
inline std::optional<sockaddr_un> unix_address(std::string_view path) {
  if (path.size() > k_max_socket_path) {
    errno = ENAMETOOLONG;
    return std::nullopt;
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

/// connect(2), which takes an address of every family by one type.
inline int connect_unix(int fd, const sockaddr_un& address) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

}  // namespace fob
