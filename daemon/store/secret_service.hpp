// The store for desktops: each record is an item in the user's keyring, whoever provides it (gnome-keyring,
// KWallet, KeePassXC): the freedesktop Secret Service on the session bus.
//
// It protects what the keyring protects: the record on the disk while the user is logged out or the keyring
// is locked. While it is unlocked, every process of the user may read it. What comes back is taken for
// hostile: bounded, decoded with care, and waited for only so long (libsecret itself reads the opening of the
// session). fob runs where nobody sits in front of a screen, so nothing here can ever open a prompt; a locked
// keyring is an error that says so.
//
// Every call opens a connection of its own and closes it; no main loop runs. GLib keeps two idle threads
// ("gmain", "gdbus") and their eventfds for the rest of the process, so a fork may only go on to exec.
#pragma once

#include "daemon/config/locations.hpp"
#include "daemon/store/record.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace fob::store {

class SecretServiceRecords final : public RecordStore {
 public:
  /// Touches nothing. `state_dir` tells this installation's items from those of another, through whatever
  /// symlinks it is reached (each call looks anew: it may not be there yet); `environment` says where the
  /// session bus is; `limit` is for all that one call does, from connecting on.
  SecretServiceRecords(const std::filesystem::path& state_dir, config::Environment environment,
                       std::chrono::milliseconds limit = std::chrono::seconds(10));

  config::StoreKind kind() const override { return config::StoreKind::secret_service; }
  /// store_locked also where the keyring is not there, is hung, or would have to ask the user, and where
  /// nothing is found while any collection of the keyring is locked. store_damaged: an item that is no
  /// record.
  Result<std::optional<Record>> read(const std::string& profile) override;
  /// Fails with store also where the keyring ended, hung or talked nonsense over the write itself: then it is
  /// not known whether the record was replaced, and the detail says so.
  Result<void> replace(const std::string& profile, const Record& record) override;
  /// Deletes one item after the other, where there are several; the detail says if some may be gone.
  Result<void> erase(const std::string& profile) override;
  /// Also the profiles whose items are locked. Fails with store_locked where the keyring is locked and hides
  /// their names.
  Result<std::vector<std::string>> profiles() override;

 private:
  std::filesystem::path state_dir_;  // absolute
  config::Environment environment_;
  std::chrono::milliseconds limit_;
};

}  // namespace fob::store
