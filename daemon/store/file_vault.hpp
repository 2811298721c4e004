// The file store: one sealed file a profile, STATE/vault/PROFILE.vault, for devices without TPM or keyring.
//
// It protects against another user's reading, against a state directory that was copied or backed up without
// its key, and against swapped, mixed or damaged files, which are refused. It does not protect against root,
// nor against anyone who has both the vault and the key: where the key lies beside the vault (the default),
// whoever steals the whole disk has both. Nor does it notice when a whole older file of the same profile is
// put back: that takes a counter outside of the disk.
//
// A step of rotation is one rename(2) of one file, so a crash leaves the state before it or the state after.
// Writers take turns by flock(2) on the directory; readers need no lock.
#pragma once

#include "daemon/store/credential_store.hpp"
#include "daemon/store/vault_file.hpp"
#include "daemon/store/vault_key.hpp"
#include "ipc/base/unique_fd.hpp"

#include <filesystem>
#include <optional>

namespace fob::store {

class FileVault final : public CredentialStore {
 public:
  /// Touches nothing: directories and key are made by the first stage().
  FileVault(const std::filesystem::path& state_dir, VaultKeyPlace key, const Clock& clock);

  Result<StoredCredential> load(const std::string& profile, wire::Slot slot) override;
  Result<std::uint64_t> stage(const std::string& profile, const Credential& credential) override;
  Result<void> commit(const std::string& profile, std::uint64_t version) override;
  Result<bool> discard_staged(const std::string& profile, std::uint64_t version) override;
  Result<void> roll_back(const std::string& profile) override;
  /// Leaves a file without slots that keeps the version counter; a file that cannot be read is deleted.
  Result<void> remove(const std::string& profile) override;
  Result<Listing> list() override;

 private:
  /// A profile's file, opened with the key that opens it.
  struct Opened {
    VaultFile file;
    SecretBytes key;
  };

  std::filesystem::path path_of(const std::string& profile) const;
  /// The writers' lock; empty if there is no vault and `make` is false.
  Result<UniqueFd> lock(bool make);
  /// Nothing: the profile has no file.
  Result<std::optional<Opened>> open(const std::string& profile);
  Result<Opened> open_or_begin(const std::string& profile);
  Result<SecretBytes> existing_key();
  Result<void> write(const std::string& profile, const Opened& opened);
  /// What lies in `from`, sealed for `to`; nothing if the slot is empty.
  Result<std::optional<SealedSlot>> resealed(const Opened& opened, const std::string& profile,
                                             wire::Slot from, wire::Slot to);
  /// `from` becomes `current` and `current` becomes `previous`, in one write. The caller holds the lock.
  Result<void> make_current(const std::string& profile, Opened& opened, wire::Slot from);
  /// Appends the profile's slots; fails where one of them cannot be read.
  Result<void> summarize(const std::string& profile, std::vector<SlotSummary>& summaries);
  Error unusable(const std::string& profile, const Error& reason) const;

  std::filesystem::path directory_;
  VaultKeyPlace key_place_;
  const Clock& clock_;
};

}  // namespace fob::store
