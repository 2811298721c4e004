// The key that signs bundles, and its file: JSON that holds the key's seed, encrypted under a passphrase
// (Argon2id, XSalsa20-Poly1305) or plain, for a machine that signs by itself and keeps the file to itself.
// A file is somebody's who may be hostile: it cannot make us take more time or memory than limits.hpp allows.
#pragma once

#include "daemon/fleet/key_text.hpp"
#include "ipc/base/result.hpp"
#include "ipc/base/secret_bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fob::fleet {

struct OperatorKey {
  PublicKey public_key{};
  SecretBytes secret;  ///< as crypto_sign takes it
};

/// What a guess at the passphrase costs: Argon2id's passes and bytes of memory.
struct KdfCost {
  std::uint64_t passes = 3;
  std::size_t memory = 256 * 1024 * 1024;
};

/// A fresh key, from the kernel's randomness.
OperatorKey make_operator_key();

/// The key of a 32-byte seed. Fails with bad_request where it has another size.
Result<OperatorKey> operator_key_from(const SecretBytes& seed);

/// The key file's text, with a line end. Without a passphrase (null) it is the key: 0600, and to be wiped.
/// Fails with bad_request: the passphrase is empty or too long, or there is not enough memory for `cost`.
Result<SecretBytes> encode_operator_key(const OperatorKey& key, const SecretBytes* passphrase,
                                        const KdfCost& cost = {});

/// Whether the key file `text` wants a passphrase. Fails with bad_request if it is no key file.
Result<bool> wants_passphrase(std::string_view text);

/// The key in the key file `text`; the passphrase counts only where one is wanted. Fails with bad_request.
Result<OperatorKey> decode_operator_key(std::string_view text, const SecretBytes* passphrase);

}  // namespace fob::fleet
