// The content of one PROFILE.vault: a small JSON envelope around sealed boxes. Pure; no file is touched here.
//
//   {"fob_vault":1,"profile":"prod-query","counter":2,
//    "slots":{"current":{"version":2,"stored_at_ms":…,"nonce":"…","box":"…"},…},"seal":{"nonce":"…","tag":"…"}}
//
// Each box is XChaCha20-Poly1305 (libsodium) over the credential, bound to its profile, slot, version and
// time by associated data: a box moved to another slot, another profile or another version does not open. The
// seal is an empty box bound to everything else in the file, so that the counter cannot be turned back and
// the slots of an older file cannot be mixed in. The input may be anybody's: it is bounded and parsed with
// care, and nothing in it counts until the seal has been checked.
#pragma once

#include "daemon/store/credential_store.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace fob::store {

inline constexpr std::size_t k_vault_key_bytes = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;
// Three slots of the longest credential in base64, with room to spare.
inline constexpr std::size_t k_max_vault_file = 64 * 1024;
inline constexpr std::size_t k_max_credential = 8 * 1024;

/// A credential as it lies in the file.
struct SealedSlot {
  std::uint64_t version = 0;
  WallTime stored_at;
  std::string nonce;
  std::string box;
};

struct VaultFile {
  std::uint64_t counter = 0;  ///< the highest version ever given out
  std::map<wire::Slot, SealedSlot> slots;
};

/// Where a box belongs; bound to it by associated data.
struct SlotPlace {
  std::string_view profile;
  wire::Slot slot;
};

/// Fails with ErrorCode::store if the credential is empty or too long.
Result<SealedSlot> seal_slot(const Credential& credential, SlotPlace place, std::uint64_t version,
                             WallTime stored_at, const SecretBytes& key);
/// Fails with store_locked if the box is not that of this place or the key is another.
Result<Credential> open_slot(const SealedSlot& sealed, SlotPlace place, const SecretBytes& key);

std::string encode_vault_file(const VaultFile& file, std::string_view profile, const SecretBytes& key);
/// Fails with store_locked; the detail is the reason alone, a clause to be put after the file's name.
Result<VaultFile> decode_vault_file(std::string_view text, std::string_view profile, const SecretBytes& key);

}  // namespace fob::store
