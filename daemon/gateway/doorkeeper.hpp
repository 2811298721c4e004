// What fob-gateway does when it cannot start, and systemd has connections for it: they are turned away, and
// for a while, so that neither one that waits nor an app that asks again and again starts it over and over.
#pragma once

#include "ipc/base/handed_descriptors.hpp"
#include "ipc/base/unique_fd.hpp"

#include <chrono>
#include <vector>

namespace fob::gateway {

/// The same sockets, for turn_away(); those that were handed over go to whoever listens.
std::vector<UniqueFd> doubles_of(const std::vector<HandedDescriptor>& handed);

/// Closes each connection that comes to these sockets, for so long. Returns at once where there are none.
void turn_away(const std::vector<UniqueFd>& sockets, std::chrono::milliseconds time);

}  // namespace fob::gateway
