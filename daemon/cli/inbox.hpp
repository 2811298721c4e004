// Where bundles come to and receipts go from: two directories that whatever moves a fleet's files (an OTA
// update, Ansible, a USB stick) writes to and reads from. A bundle that is dropped into the inbox is applied,
// and deleted when nothing more can come of it; its receipt stays in the outbox.
#pragma once

#include "daemon/cli/bundle_application.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace fob::cli {

class Inbox {
 public:
  using Apply = std::function<Application(const std::filesystem::path& bundle)>;

  /// `say` tells a person of each receipt.
  Inbox(std::filesystem::path inbox, std::filesystem::path outbox, Apply apply, const Clock& clock,
        std::function<void(const std::string&)> say);

  /// Makes the directories where they are missing. Fails with store.
  Result<void> prepare() const;

  /// Applies one bundle, wherever it is, and leaves its receipt in the outbox. The file stays. One whose time
  /// has not come is refused: only in the inbox can it wait.
  Result<fleet::Receipt> take(const std::filesystem::path& bundle);

  /// Applies what lies in the inbox. Returns the receipts.
  Result<std::vector<fleet::Receipt>> take_all();

  /// The same, again and again, as files come and as bundles' times come, until SIGTERM or SIGINT.
  Result<void> watch();

 private:
  Result<void> leave_receipt(const fleet::Receipt& receipt) const;
  void tidy_outbox() const;
  std::vector<std::filesystem::path> bundles() const;

  std::filesystem::path inbox_;
  std::filesystem::path outbox_;
  Apply apply_;
  const Clock& clock_;
  std::function<void(const std::string&)> say_;
  std::optional<fleet::Time> look_again_;  ///< the earliest time at which a bundle in the inbox asks for it
};

}  // namespace fob::cli
