// Whose process is at the other end of a TCP connection on loopback: the kernel's table of sockets says
// (sock_diag(7)), for TCP has nothing like SO_PEERCRED.
#pragma once

#include "ipc/base/result.hpp"

#include <netinet/in.h>
#include <sys/types.h>

namespace fob::gateway {

/// Both ends of a connection, as getpeername(2) and getsockname(2) of our own end tell them; of one family.
struct Ends {
  sockaddr_storage client{};
  sockaddr_storage server{};
};

/// The user who made the client's socket. Fails with ErrorCode::not_granted where that end is not open any
/// more, and with ErrorCode::internal where the kernel does not tell. Blocks for some microseconds.
Result<uid_t> user_of(const Ends& ends);

/// user_of() for an accepted socket.
Result<uid_t> user_at(int socket);

}  // namespace fob::gateway
