// Where bundles come to: a directory that whatever moves a fleet's files (an OTA update, Ansible, a USB
// stick) writes to. A bundle that is dropped there is applied, and deleted when nothing more can come of it;
// its receipt stays in the outbox. Whoever may write to the inbox is not trusted: not with names, not with
// what happens to a file while it is looked at.
#pragma once

#include "daemon/cli/bundle_application.hpp"
#include "daemon/cli/outbox.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace fob::cli {

/// What is done with a bundle, and with a receipt that said "staged".
struct BundleWork {
  std::function<Application(const std::filesystem::path& bundle)> apply;
  /// What became of it since; nothing: it is as it was.
  std::function<std::optional<fleet::Receipt>(const fleet::Receipt& staged)> follow_up;
};

class Inbox {
 public:
  /// `say` tells a person of each receipt.
  Inbox(std::filesystem::path inbox, Outbox outbox, BundleWork work, const Clock& clock,
        std::function<void(const std::string&)> say);

  /// Makes the directories where they are missing. Fails with store.
  Result<void> prepare() const;

  /// Applies one bundle, wherever it is, and leaves its receipt in the outbox. The file stays. One whose time
  /// has not come is refused: only in the inbox can it wait.
  Result<fleet::Receipt> take(const std::filesystem::path& bundle);

  /// Applies what lies in the inbox, until `stop` says so. Returns the receipts, or the first trouble there
  /// was with one of the bundles, once all have had their turn.
  Result<std::vector<fleet::Receipt>> take_all(const std::function<bool()>& stop);

  /// The same, again and again, as files come and as bundles' times come, until SIGTERM or SIGINT.
  Result<void> watch();

 private:
  Result<std::optional<fleet::Receipt>> take_dropped(const std::filesystem::path& bundle);
  Result<void> dispose(const std::filesystem::path& bundle, const Application& application);
  void follow_up(std::optional<Error>& trouble);
  void put_off(const Error& error, std::optional<Error>& trouble);
  void look_again_by(fleet::Time when);
  fleet::Time now() const;
  Result<std::vector<std::filesystem::path>> bundles() const;

  std::filesystem::path inbox_;
  Outbox outbox_;
  BundleWork work_;
  const Clock& clock_;
  std::function<void(const std::string&)> say_;
  std::optional<fleet::Time> look_again_;  ///< when to look next though nothing has come
};

}  // namespace fob::cli
