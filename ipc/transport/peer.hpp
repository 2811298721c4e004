// What the kernel says about the process at the other end of a Unix socket. Read once, at accept (unix(7)).
#pragma once

#include "ipc/base/result.hpp"

#include <sys/types.h>
#include <vector>

namespace fob::transport {

struct Peer {
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;
  std::vector<gid_t> groups;  ///< supplementary, at the time of connect(2)
};

/// Of a connected socket: SO_PEERCRED and SO_PEERGROUPS.
Result<Peer> peer_of(int socket);

}  // namespace fob::transport
