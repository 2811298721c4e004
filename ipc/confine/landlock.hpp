// Which files and which TCP ports this process may still reach, whatever becomes of it: Landlock
// (landlock(7)), which needs no privilege and cannot be taken back. It holds without systemd, and inside of
// systemd's sandbox once more.
#pragma once

#include "ipc/base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace fob::confine {

/// Everything that is not named is refused. What does not exist when the rules are made stays out of reach.
struct Reach {
  std::vector<std::filesystem::path> readable;  ///< files, and all that is in directories
  std::vector<std::filesystem::path> writable;  ///< files that are there
  /// Directories in which files, and sockets, may be removed.
  std::vector<std::filesystem::path> removable;
  std::vector<std::uint16_t> tcp_ports;  ///< to connect to; none may be listened on. Kernels since 6.7
  /// Neither signals nor abstract sockets to or from anyone but its own children. Kernels since 6.12
  bool alone = false;
};

/// From here on this process and its children reach no more than that. Returns the ABI that the kernel knows,
/// which says how much of it holds: 0 is none at all. Fails with ErrorCode::internal.
Result<int> limit_reach(const Reach& reach);

}  // namespace fob::confine
