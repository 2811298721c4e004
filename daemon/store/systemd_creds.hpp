// The store of devices that run systemd: one blob a profile, VAULT/PROFILE.cred, encrypted by systemd-creds
// with the host's key, sealed by the TPM too where there is one. A service gets it decrypted by PID 1 and
// needs no rights for it: `LoadCredentialEncrypted=fob-PROFILE:VAULT/PROFILE.cred` in its unit.
//
// It protects against everything that a copy of the vault could tell: a backup, a stolen image, with a TPM
// the stolen disk as a whole. The name `fob-PROFILE` is sealed in, so a file that was moved to another
// profile does not open. It does not protect against root on the running device, nor notice when a whole
// older file of the same profile is put back. systemd-creds itself is trusted; what it says is bounded all
// the same.
#pragma once

#include "daemon/store/record.hpp"
#include "daemon/store/tool.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fob::store {

using config::SealingKey;

struct SystemdCredsSetup {
  std::filesystem::path vault;  ///< the directory of the blobs
  SealingKey key = SealingKey::automatic;
  /// $CREDENTIALS_DIRECTORY: where systemd puts what it decrypted for this process, if it did.
  std::optional<std::filesystem::path> credentials;
  std::filesystem::path program = "/usr/bin/systemd-creds";
  /// "NAME=value", beyond the few that a run needs; for tests with a key or a TPM of their own.
  std::vector<std::string> environment;
  /// For one run of the program, of which a write takes up to three: a TPM needs seconds for each.
  std::chrono::milliseconds time_limit = std::chrono::seconds(20);
};

class SystemdCredsRecords final : public RecordStore {
 public:
  /// Touches nothing. The first replace() makes the vault.
  explicit SystemdCredsRecords(SystemdCredsSetup setup);

  config::StoreKind kind() const override { return config::StoreKind::systemd_creds; }
  /// Whether systemd did. A record that is handed is as it was when this process started.
  bool is_handed(const std::string& profile) const override;
  /// What is handed, and nothing else is looked at; else the blob in the vault, which takes root.
  Result<std::optional<Record>> read(const std::string& profile) override;
  /// A blob that cannot be decrypted here again never replaces one that can.
  Result<void> replace(const std::string& profile, const Record& record) override;
  Result<void> erase(const std::string& profile) override;
  Result<std::vector<std::string>> profiles() override;

 private:
  std::filesystem::path path_of(const std::string& profile) const;
  Result<std::optional<SecretBytes>> kept(const std::string& profile) const;
  Result<std::string> seal(const std::string& profile, const SecretBytes& text) const;
  Result<std::string_view> key_word(const std::string& profile) const;
  ToolRun decrypt(const std::string& profile, std::string_view blob) const;
  Error root_alone(const std::string& profile, const std::string& reason) const;
  Error cannot_read(const std::string& profile, const ToolRun& run) const;
  Error cannot_write(const std::string& profile, const std::string& what, const ToolRun& run) const;

  SystemdCredsSetup setup_;
  Tool tool_;
};

}  // namespace fob::store
