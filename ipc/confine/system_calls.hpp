// Which system calls this process may still make, whatever becomes of it: an allow-list (seccomp(2), by
// libseccomp, which knows their numbers). What is not on it fails with EPERM.
#pragma once

#include "ipc/base/result.hpp"

#include <span>
#include <string_view>

namespace fob::confine {

struct SystemCalls {
  std::span<const std::string_view> allowed;  ///< beyond what any program needs to compute, allocate and end
  std::span<const int> socket_families;       ///< AF_… that socket(2) may be asked for
  bool threads = false;                       ///< may start threads; never processes
};

/// From here on this process and its children make no other calls. Neither it nor they can ever gain
/// privileges. Fails with ErrorCode::internal.
Result<void> allow_only(const SystemCalls& calls);

}  // namespace fob::confine
