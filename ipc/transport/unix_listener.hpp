// A listening Unix socket at a path, with the right mode from the first instant. Only one daemon serves a
// runtime directory: whoever holds the lock there may replace the sockets that a crashed one left.
#pragma once

#include "ipc/base/result.hpp"
#include "ipc/base/unique_fd.hpp"

#include <filesystem>
#include <optional>
#include <sys/types.h>

namespace fob::transport {

/// Takes the runtime directory for this process as long as the returned descriptor is open. Fails where
/// another daemon has it; the detail names its process.
Result<UniqueFd> lock_runtime_directory(const std::filesystem::path& directory);

struct ListenerMode {
  mode_t mode = 0600;
  std::optional<gid_t> group;  ///< nothing: this process's own
};

/// Binds and listens, replacing a socket that is left at `path`. Only with the directory's lock held. Refuses
/// to replace anything that is not a socket.
Result<UniqueFd> listen_at(const std::filesystem::path& path, ListenerMode mode);

}  // namespace fob::transport
