// The signature over a whole bundle: Ed25519ph (RFC 8032 §5.1), which takes a file of any size in pieces.
// A fixed prefix, which is hashed but not in the file, keeps it apart from all else that a key may sign.
#pragma once

#include "daemon/fleet/key_text.hpp"
#include "ipc/base/secret_bytes.hpp"

#include <sodium.h>

#include <span>

namespace fob::fleet {

class BundleHash {
 public:
  BundleHash();
  void add(std::span<const unsigned char> bytes);
  /// Signs what was added. The hash is spent, as it is by verify().
  Signature sign(const SecretBytes& secret);
  bool verify(const Signature& signature, const PublicKey& signer);

 private:
  crypto_sign_state state_;
};

}  // namespace fob::fleet
