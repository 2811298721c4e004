// The witness as a socket unit starts it: it accepts until nobody has asked for a while. A connection has a
// thread of its own, since a look may take long (a large program that is hashed, a file system that hangs),
// and what one user's process does must not make others wait.
#pragma once

#include "daemon/witness/program_file.hpp"

#include <chrono>
#include <cstddef>
#include <sys/types.h>

namespace fob::witness {

struct ServiceLimits {
  std::chrono::milliseconds idle{60'000};  ///< the socket unit starts it again
  std::size_t connections = 64;            ///< at once; more wait their turn
};

/// Serves `listener` for root and for `asker`, and returns when idle. Throws std::system_error where it
/// cannot go on.
void serve(int listener, uid_t asker, HashCache& hashes, ServiceLimits limits = {});

}  // namespace fob::witness
