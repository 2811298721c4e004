// fobd's two listening sockets: handed over by systemd, which then owns their paths and modes and keeps them
// while fobd restarts; or else made here.
#pragma once

#include "daemon/config/locations.hpp"
#include "ipc/base/handed_descriptors.hpp"
#include "ipc/base/result.hpp"
#include "ipc/base/unique_fd.hpp"

#include <optional>
#include <sys/types.h>
#include <vector>

namespace fob::broker {

struct Listeners {
  UniqueFd apps;
  UniqueFd operators;
  UniqueFd lock;  ///< of the runtime directory; none where systemd owns it
};

/// From `handed`, which must then be both sockets, at their paths, and nothing else; or, where nothing is
/// handed, newly bound: fob.sock for everyone, control.sock for this user and the group `admins`. Fails with
/// ErrorCode::config.
Result<Listeners> listen_for_both(const config::Locations& at, std::optional<gid_t> admins,
                                  std::vector<HandedDescriptor> handed);

/// Takes the files of sockets away that were made here, while the lock is held.
void remove_sockets(const config::Locations& at);

}  // namespace fob::broker
