// What a peer was at its first request. It lives with the connection: who has become another program since
// then, or was moved to another unit, must connect anew to be judged as what it is now.
#pragma once

#include "daemon/core/peer_facts.hpp"

namespace fob::broker {

struct Acquaintance {
  core::Fact unit, exe, exe_sha256;  ///< the first that was known of each
  bool changed = false;              ///< for good
};

}  // namespace fob::broker
