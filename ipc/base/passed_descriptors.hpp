// Messages on a Unix socket with descriptors beside them (unix(7), SCM_RIGHTS).
#pragma once

#include "ipc/base/unique_fd.hpp"

#include <cstddef>
#include <span>
#include <sys/types.h>
#include <vector>

namespace fob {

/// No message of ours takes more along.
inline constexpr std::size_t k_most_passed = 2;

/// sendmsg(2) of `bytes` and copies of `fds`, at most k_most_passed; never a SIGPIPE. Returns what it
/// returns.
ssize_t send_with(int socket, std::span<const char> bytes, std::span<const int> fds, int flags = 0);

struct Received {
  ssize_t size = -1;          ///< as recvmsg(2) has it
  std::vector<UniqueFd> fds;  ///< close-on-exec
  bool all = true;            ///< false where more descriptors came than k_most_passed; those are closed
};

/// recvmsg(2) into `bytes`, again where a signal interrupts it.
Received receive_with(int socket, std::span<char> bytes, int flags = 0);

}  // namespace fob
