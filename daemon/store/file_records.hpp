// The file store: one sealed file a profile, STATE/vault/PROFILE.vault, for devices without TPM or keyring.
//
// It protects against another user's reading, against a state directory that was copied or backed up without
// its key, and against swapped, mixed or damaged files, which are refused. It does not protect against root,
// nor against anyone who has both the vault and the key: where the key lies beside the vault (the default),
// whoever steals the whole disk has both. Nor does it notice when a whole older file of the same profile is
// put back: that takes a counter outside of the disk.
#pragma once

#include "daemon/store/record.hpp"
#include "daemon/store/vault_key.hpp"

#include <filesystem>

namespace fob::store {

class FileRecords final : public RecordStore {
 public:
  /// Touches nothing: the key is made by the first replace(). `vault` is the directory of the files.
  FileRecords(std::filesystem::path vault, VaultKeyPlace key);

  config::StoreKind kind() const override { return config::StoreKind::file; }
  Result<std::optional<Record>> read(const std::string& profile) override;
  Result<void> replace(const std::string& profile, const Record& record) override;
  Result<void> erase(const std::string& profile) override;
  Result<std::vector<std::string>> profiles() override;

 private:
  std::filesystem::path path_of(const std::string& profile) const;
  Result<SecretBytes> existing_key();
  Result<SecretBytes> key_for_writing();
  Error unusable(const std::string& profile, const Error& reason) const;

  std::filesystem::path vault_;
  VaultKeyPlace key_place_;
};

}  // namespace fob::store
