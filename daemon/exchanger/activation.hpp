// fob-exchange where systemd starts it: it gets the listening socket of fob-exchange@PROFILE.socket and
// serves what is pending there, one connection after the other. A refresh may ask with two slots in a row, so
// it stays for a moment; what systemd handed it is as old as the process, so it does not stay longer. The
// socket's mode says who may connect, and that is not believed alone: peers are who the kernel says they are.
#pragma once

#include "ipc/base/handed_descriptors.hpp"
#include "ipc/base/result.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace fob::exchanger {

/// For how long nobody has to have asked before it ends.
constexpr std::chrono::milliseconds k_linger{200};
/// Connections that one process serves: no crowd of them keeps an old credential in force.
constexpr int k_most_connections = 64;

/// The listening socket among what systemd handed over; empty where it handed over nothing. Fails with
/// ErrorCode::config where it is anything but one Unix socket that listens.
Result<UniqueFd> listener_among(std::vector<HandedDescriptor> handed);

/// Serves the connections of root and of `user` (nothing: of whoever the socket's mode let in, which is all
/// that can be told in a user namespace) by `serve`, until none is pending for k_linger or k_most_connections
/// were taken. Others are closed unanswered, which is said on stderr.
void serve_pending(int listener, std::optional<uid_t> user, const std::function<void(int connection)>& serve);

}  // namespace fob::exchanger
