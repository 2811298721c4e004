// Where receipts wait to be gathered: one small file for each bundle and outcome, so that what happens again
// takes the place of what happened before. The directory may be anywhere, so only what is a receipt of this
// device is ever deleted, and never by way of a symbolic link.
#pragma once

#include "daemon/fleet/receipt.hpp"
#include "ipc/base/result.hpp"
#include "ipc/base/unique_fd.hpp"

#include <filesystem>
#include <vector>

namespace fob::cli {

class Outbox {
 public:
  explicit Outbox(std::filesystem::path directory) : directory_(std::move(directory)) {}

  /// Makes the directory where it is missing. Fails with store.
  Result<void> prepare() const;
  /// Waits until no other process of this device's applies a bundle; others wait while the descriptor lives.
  Result<UniqueFd> take_turn() const;

  /// Leaves a receipt. Of too many, the oldest of those that only say "refused" go first. Fails with store.
  Result<void> leave(const fleet::Receipt& receipt) const;
  /// Whether there is a receipt that says of this bundle (device, profile, serial) that it was taken.
  bool tells_of_success(const fleet::Receipt& receipt) const;
  /// The receipts of bundles that wait for their first success.
  std::vector<fleet::Receipt> staged() const;
  /// Replaces the receipt `before` by what became of it.
  Result<void> follow_up(const fleet::Receipt& before, const fleet::Receipt& after) const;

 private:
  void tidy(const std::string& device) const;

  std::filesystem::path directory_;
};

}  // namespace fob::cli
