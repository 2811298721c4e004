// The key of the file vault: where it is, how it is read, and how it comes to be.
//
// In this order: the systemd credential `fob-vault-key` (systemd.exec(5), LoadCredentialEncrypted=), the file
// named by `daemon.vault_key`, STATE/keys/vault.key. The file holds 32 raw bytes (what fob itself writes), or
// the same as 64 hex digits or as base64, with or without a newline: for keys that a person or a provisioning
// system made.
#pragma once

#include "daemon/config/locations.hpp"
#include "ipc/base/result.hpp"
#include "ipc/base/secret_bytes.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>

namespace fob::store {

struct VaultKeyPlace {
  enum class Origin : std::uint8_t { systemd, configured, standard };
  std::filesystem::path file;
  Origin origin = Origin::standard;
};

/// Where the key is to be looked for. Looks whether systemd provides one; touches nothing else.
VaultKeyPlace find_vault_key(const std::optional<std::filesystem::path>& configured,
                             const std::filesystem::path& state_dir, const config::Environment& environment);

/// The key; empty if there is no such file. Fails with store_locked.
Result<SecretBytes> read_vault_key(const VaultKeyPlace& place);

/// A new key, on the disk before this returns; or the one that somebody else made meanwhile. Fails with
/// store_locked or store.
Result<SecretBytes> create_vault_key(const VaultKeyPlace& place);

/// The key in the text or bytes of a key file; empty if there is none. Pure.
SecretBytes decode_vault_key(std::string_view content);

}  // namespace fob::store
