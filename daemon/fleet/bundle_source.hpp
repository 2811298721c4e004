// A bundle's bytes, wherever they are. The reader asks for pieces and never for the whole, so that a device
// with little memory can take a bundle of any size; a file is read with pread(2) and never mapped, since one
// that is cut meanwhile would end the process by SIGBUS.
#pragma once

#include "daemon/fleet/refusal.hpp"
#include "ipc/base/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace fob::fleet {

class BundleSource {
 public:
  virtual ~BundleSource() = default;
  /// How many bytes there are; what is read later is checked all the same.
  virtual std::uint64_t size() const = 0;
  /// Fills `to` with the bytes at `offset`; how many there were, fewer only at the end. Refuses with
  /// unreadable.
  virtual Verified<std::size_t> read(std::uint64_t offset, std::span<unsigned char> to) const = 0;
};

/// A file on disk.
class BundleFile final : public BundleSource {
 public:
  /// Opens a regular file; symbolic links are not followed, and a pipe does not make us wait. Refuses with
  /// unreadable.
  static Verified<BundleFile> open(const std::filesystem::path& path);

  std::uint64_t size() const override { return size_; }
  Verified<std::size_t> read(std::uint64_t offset, std::span<unsigned char> to) const override;

 private:
  BundleFile(UniqueFd fd, std::uint64_t size) : fd_(std::move(fd)), size_(size) {}

  UniqueFd fd_;
  std::uint64_t size_;
};

/// Bytes in memory, which outlive it.
class BundleBytes final : public BundleSource {
 public:
  explicit BundleBytes(std::span<const unsigned char> bytes) : bytes_(bytes) {}

  std::uint64_t size() const override { return bytes_.size(); }
  Verified<std::size_t> read(std::uint64_t offset, std::span<unsigned char> to) const override;

 private:
  std::span<const unsigned char> bytes_;
};

}  // namespace fob::fleet
