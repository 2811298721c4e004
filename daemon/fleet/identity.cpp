#include "daemon/fleet/identity.hpp"

#include "ipc/wire/names.hpp"

#include <sodium.h>

namespace fob::fleet {

bool is_device_id(std::string_view text) { return wire::is_profile_name(text); }

SecretBytes make_identity_secret() {
  SecretBytes secret(k_identity_secret);
  randombytes_buf(secret.bytes().data(), secret.size());
  return secret;
}

Result<DeviceIdentity> identity_from(std::string_view id, const SecretBytes& secret) {
  static_assert(k_identity_secret == crypto_sign_SEEDBYTES + crypto_box_SEEDBYTES);
  if (!is_device_id(id))
    return fail(
        ErrorCode::bad_request,
        "this is no device's name: 1 to 64 letters, digits, '.', '_' or '-', a letter or digit first");
  if (secret.size() != k_identity_secret)
    return fail(ErrorCode::bad_request, "the device's identity is not of 64 bytes; enrol the device anew");
  DeviceIdentity identity{std::string(id),
                          {},
                          {},
                          SecretBytes(crypto_sign_SECRETKEYBYTES),
                          SecretBytes(crypto_box_SECRETKEYBYTES)};
  const auto seeds = secret.bytes();
  crypto_sign_seed_keypair(identity.sign_key.data(), identity.sign_secret.bytes().data(), seeds.data());
  crypto_box_seed_keypair(identity.box_key.data(), identity.box_secret.bytes().data(),
                          seeds.subspan(crypto_sign_SEEDBYTES).data());
  return identity;
}

}  // namespace fob::fleet
