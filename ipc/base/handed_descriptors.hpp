// The descriptors that systemd hands to a process it starts: the listening sockets of its socket units, and
// what it kept in its descriptor store (sd_listen_fds(3)). The protocol is three variables of the
// environment, so it is done by hand. They are trusted as the environment is: they come from whoever started
// us. What is wrong with them is a failed start and never guessed around.
#pragma once

#include "ipc/base/result.hpp"
#include "ipc/base/unique_fd.hpp"

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace fob {

struct HandedDescriptor {
  UniqueFd fd;
  std::string name;  ///< FileDescriptorName= of the unit, or FDNAME= of the store; "unknown" where not said
};

/// LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES as they stand in the environment.
struct HandedVariables {
  std::optional<std::string> pid, count, names;
};

/// The names of the descriptors that are handed to the process `self`, in their order from 3 on; none where
/// nothing is, or it is for another process. Pure. Fails with ErrorCode::config where the variables
/// contradict themselves.
Result<std::vector<std::string>> names_of_handed(const HandedVariables& variables, pid_t self);

/// Takes what is handed to this process, each CLOEXEC from now on. Forgets the variables whatever they say,
/// so that neither a child nor a second call believes them. To be called once, before any thread. Fails with
/// ErrorCode::config.
Result<std::vector<HandedDescriptor>> take_handed_descriptors();

/// Success if it is a Unix stream socket that listens. Else ErrorCode::config; the detail says what it is
/// not.
Result<void> check_listening(const HandedDescriptor& handed);

}  // namespace fob
