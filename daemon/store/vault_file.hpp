// The content of one PROFILE.vault: a small JSON envelope around one sealed box, the profile's record. Pure;
// no file is touched here.
//
//   {"fob_vault":1,"profile":"prod-query","nonce":"…","box":"…"}
//
// The box is XChaCha20-Poly1305 (libsodium) over the record's text, bound to the profile by associated data.
// It is one box for all slots, so that none of them can be exchanged, mixed with an older one or dropped, nor
// the version counter turned back. The input may be anybody's: it is bounded and parsed with care, and
// nothing in it counts until the box has opened.
#pragma once

#include "daemon/store/record.hpp"

#include <sodium.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace fob::store {

inline constexpr std::size_t k_vault_key_bytes = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;
/// The largest record in base64, in its envelope.
inline constexpr std::size_t k_max_vault_file = 104 * 1024;

/// Fails with ErrorCode::store where the record holds what is no credential.
Result<std::string> seal_record(const Record& record, std::string_view profile, const SecretBytes& key);

/// Fails with store_damaged; the detail is the reason alone, a clause to be put after the file's name.
Result<Record> open_record(std::string_view text, std::string_view profile, const SecretBytes& key);

}  // namespace fob::store
