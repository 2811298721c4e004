// What the witness gives up before it reads a byte from anyone: every capability but CAP_SYS_PTRACE, by which
// it may see which program another user's process runs, and every system call that this does not take.
#pragma once

namespace fob::witness {

/// No core dumps, no new privileges, no capability but CAP_SYS_PTRACE, where it has that; then no system call
/// but to read files, to answer on the sockets it has, and to start threads. Landlock is not among it: a
/// process in a Landlock domain may not look at processes outside. Throws std::runtime_error.
void confine();

}  // namespace fob::witness
