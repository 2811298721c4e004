// Which program a process runs, and what its file holds. The process may be hostile: it can be in a mount
// namespace of its own, replace or delete its file, exec something else or end at any moment. So its file is
// held first and looked at only through that hold, its path counts only if it leads to the same file here,
// and nothing counts of a process that has ended meanwhile.
#pragma once

#include "ipc/wire/witness_line.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <tuple>

namespace fob::witness {

/// Which file, in which state: a file that was written to has another one (but for a clock that was set
/// back).
using FileState = std::tuple<std::uint64_t, std::uint64_t, std::int64_t, std::int64_t, std::int64_t,
                             std::int64_t, std::int64_t>;
FileState state_of(const struct stat& facts);

/// Hashes of files, each computed once. Any thread.
class HashCache {
 public:
  std::optional<std::string> find(const FileState& state) const;
  void put(const FileState& state, std::string hash);

  static constexpr std::size_t k_most = 256;

 private:
  mutable std::mutex mutex_;
  std::map<FileState, std::string> hashes_;
  std::deque<FileState> order_;  ///< the oldest first
};

/// What is asked for, of the process behind `pidfd`. Never fails: what cannot be told says why.
wire::WitnessAnswer look(int pidfd, const wire::WitnessQuestion& question, HashCache& hashes);

}  // namespace fob::witness
