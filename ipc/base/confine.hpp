// What a process of fob gives up as its first act, before it reads a byte from anyone.
#pragma once

namespace fob {

/// No core files and no ptrace or /proc/PID/mem by the same user (PR_SET_DUMPABLE 0, RLIMIT_CORE 0;
/// prctl(2)). Without it any process of this uid could read tokens and secrets out of ours. Throws
/// std::system_error.
void forbid_dumps();

/// Keeps the process out of swap, where it may lock memory without a limit. With a limit it locks nothing:
/// MCL_FUTURE would make a library's later allocations fail at the limit, and SecretBytes is locked by itself
/// anyway. Best effort.
void keep_out_of_swap();

/// The soft limit on open descriptors raised to the hard one; returns what is now in force.
unsigned long raise_descriptor_limit();

}  // namespace fob
