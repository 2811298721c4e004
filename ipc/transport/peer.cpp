#include "ipc/transport/peer.hpp"

#include "ipc/base/file.hpp"

#include <cerrno>
#include <sys/socket.h>

namespace fob::transport {

Result<Peer> peer_of(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return fail(ErrorCode::internal, with_errno("SO_PEERCRED"));

  Peer peer{credentials.uid, credentials.gid, credentials.pid, {}};
  // The first call asks for nothing and is told the size.
  socklen_t bytes = 0;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, nullptr, &bytes) != 0 && errno != ERANGE)
    return fail(ErrorCode::internal, with_errno("SO_PEERGROUPS"));
  peer.groups.resize(bytes / sizeof(gid_t));
  if (bytes > 0 && ::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &bytes) != 0)
    return fail(ErrorCode::internal, with_errno("SO_PEERGROUPS"));
  return peer;
}

}  // namespace fob::transport
