// Whole small files, read with a bound and written so that a crash leaves the old one or the new one, never a
// torn one.
#pragma once

#include "ipc/base/result.hpp"
#include "ipc/base/unique_fd.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace fob {

/// The whole of `path`, at most `limit` bytes. `code` is the caller's word for a failure.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit, ErrorCode code);

/// The same for a file that decides where a credential is sent: refused unless only root and this process's
/// own user or group can write it. Checked on the very descriptor that is read.
Result<std::string> read_trusted_file(const std::filesystem::path& path, std::size_t limit, ErrorCode code);

/// The rest of an open descriptor, at most `limit` bytes; `name` is what to call it in an error.
Result<std::string> read_all(int fd, std::size_t limit, ErrorCode code, std::string_view name);

/// Replaces `path` by `content` with `mode`: a temporary file beside it, fsync, rename(2), fsync of the
/// directory. On an error the old file is untouched and no temporary file is left.
Result<void> replace_file(const std::filesystem::path& path, std::string_view content, mode_t mode,
                          ErrorCode code);

/// Deletes `path` and fsyncs its directory, so that it stays deleted. Fine if there is none.
Result<void> remove_file(const std::filesystem::path& path, ErrorCode code);

/// Makes `path` (and what is missing above it) with `mode`; an existing directory is left as it is.
Result<void> make_directory(const std::filesystem::path& path, mode_t mode, ErrorCode code);

}  // namespace fob
