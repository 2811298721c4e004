// A large file in the making: written in pieces under another name beside its target, which it replaces only
// when it is whole and on disk. ipc/base/file.hpp does the same for what fits in memory.
#pragma once

#include "ipc/base/result.hpp"
#include "ipc/base/unique_fd.hpp"

#include <filesystem>
#include <span>
#include <vector>

namespace fob::fleet {

class PendingFile {
 public:
  /// Begins a file that will be `target`. Fails with internal, as all of it does.
  static Result<PendingFile> beside(const std::filesystem::path& target);

  PendingFile(PendingFile&&) noexcept = default;
  PendingFile& operator=(PendingFile&&) = delete;
  /// What was not committed is deleted.
  ~PendingFile();

  Result<void> append(std::span<const unsigned char> bytes);
  /// Gives the file its name (0644), after fsync.
  Result<void> commit();

 private:
  PendingFile(std::filesystem::path target, std::filesystem::path temporary, UniqueFd fd);
  Result<void> flush();

  std::filesystem::path target_;
  std::filesystem::path temporary_;
  UniqueFd fd_;  // empty: committed, or moved away
  std::vector<unsigned char> buffer_;
};

}  // namespace fob::fleet
