// What a process has in memory and will not need again soon, given back to the kernel: what the heap has left
// of a crowd, and the code that only the start ran through.
#pragma once

namespace fob {

/// At once. Code comes back from the file it was read from when it is run again; for long it is still in the
/// page cache. Takes a millisecond or so. Any thread.
void give_back_memory();

}  // namespace fob
