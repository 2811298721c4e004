// What the kernel says about the process at the other end of a Unix socket. Read once, at accept (unix(7)),
// but for the hold on the process: that costs more than all the rest, and most requests have no use for it.
#pragma once

#include "ipc/base/result.hpp"
#include "ipc/base/unique_fd.hpp"

#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace fob::transport {

struct Peer {
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;
  std::vector<gid_t> groups;  ///< supplementary, at the time of connect(2)
  /// The process that connected, whatever becomes of its pid. Empty before hold_process(), and where it had
  /// ended by then.
  std::shared_ptr<const UniqueFd> pidfd = nullptr;
  /// What the kernel's security module calls it, at the time of connect(2). Nothing without such a module.
  std::optional<std::string> label = std::nullopt;
};

/// Of a connected socket: SO_PEERCRED, SO_PEERGROUPS and SO_PEERSEC.
Result<Peer> peer_of(int socket);

/// Opens `peer.pidfd` if it is not open: SO_PEERPIDFD, which means the process that connected, however late
/// it is asked. A kernel before 6.5 has not that: there peer_of() has opened the pid already, since it might
/// come to mean another process, and it counts only if it is one of that user and group. What then remains is
/// a pid that a process of the same user has taken over, and those can take each other over anyway.
void hold_process(Peer& peer, int socket);

/// The process that SO_PEERCRED tells of, opened by its pid; empty where it is not that user's any more.
UniqueFd pidfd_by_credentials(pid_t pid, uid_t uid, gid_t gid);

}  // namespace fob::transport
