// What the witness gives up before it reads a byte from anyone: everything but CAP_SYS_PTRACE, the one
// capability by which it may see which program another user's process runs.
#pragma once

namespace fob::witness {

/// No core dumps, no new privileges, no capability but CAP_SYS_PTRACE, where it has that. Landlock is not
/// among it: a process in a Landlock domain may not look at processes outside. Throws std::system_error.
void confine();

}  // namespace fob::witness
