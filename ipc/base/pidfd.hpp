// A process held by a descriptor (pidfd_open(2)): unlike a pid it never comes to mean another one. What /proc
// says about its pid is about this process if it has not ended after the reading.
#pragma once

#include "ipc/base/unique_fd.hpp"

#include <optional>
#include <sys/types.h>

namespace fob {

/// Empty, with errno, where there is no such process.
UniqueFd open_pidfd(pid_t pid);

/// Whether it has ended, reaped or not; also where this is no pidfd.
bool has_ended(int pidfd);

/// Its pid as this process's /proc knows it; nothing where it has ended, is of another pid namespace, or this
/// is no pidfd.
std::optional<pid_t> pid_of(int pidfd);

}  // namespace fob
