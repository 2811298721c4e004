// Who a device is in its fleet: a name and two key pairs, which never leave it. They are derived from 64
// bytes of secret, for the caller to keep in the credential store.
#pragma once

#include "daemon/fleet/key_text.hpp"
#include "ipc/base/result.hpp"
#include "ipc/base/secret_bytes.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace fob::fleet {

/// The seed of the Ed25519 key and the seed of the X25519 key, 32 bytes each.
inline constexpr std::size_t k_identity_secret = 64;

/// A device's name: what wire::is_profile_name() lets through.
bool is_device_id(std::string_view text);

struct DeviceIdentity {
  std::string id;
  PublicKey sign_key{};
  PublicKey box_key{};
  SecretBytes sign_secret;  ///< as crypto_sign takes it
  SecretBytes box_secret;   ///< as crypto_box takes it
};

/// A fresh secret, from the kernel's randomness.
SecretBytes make_identity_secret();

/// The identity that `secret` gives. Fails with bad_request: a wrong id or a secret of another size.
Result<DeviceIdentity> identity_from(std::string_view id, const SecretBytes& secret);

}  // namespace fob::fleet
