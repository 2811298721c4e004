// A file in memory that nobody can change any more, not even its maker: how bytes are handed to another
// process that must not see them move (memfd_create(2), fcntl(2) F_ADD_SEALS).
#pragma once

#include "ipc/base/result.hpp"
#include "ipc/base/unique_fd.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace fob {

/// An empty file in memory that can be sealed; never to be executed, where the kernel knows that (6.3).
/// Invalid, with errno, where there is none to be had.
UniqueFd make_memory_file(const char* name);

/// `name` shows up in /proc/PID/fd. Fails with ErrorCode::internal.
Result<UniqueFd> make_sealed_file(const char* name, std::string_view content);

/// Its content, if it is a whole sealed file of this user's, of at most `limit` bytes. Fails with bad_answer
/// on anything else: a pipe, a file on a disk, one that can still change.
Result<std::string> read_sealed_file(int fd, std::size_t limit);

}  // namespace fob
