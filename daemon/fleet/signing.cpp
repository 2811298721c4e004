#include "daemon/fleet/signing.hpp"

#include <string_view>

namespace fob::fleet {
namespace {

using namespace std::string_view_literals;

constexpr auto k_prefix = "fob-fleet-bundle-1\0"sv;

}  // namespace

BundleHash::BundleHash() {
  crypto_sign_init(&state_);
  add(octets(k_prefix));
}

void BundleHash::add(std::span<const unsigned char> bytes) {
  crypto_sign_update(&state_, bytes.data(), bytes.size());
}

Signature BundleHash::sign(const SecretBytes& secret) {
  Signature signature{};
  crypto_sign_final_create(&state_, signature.data(), nullptr, secret.bytes().data());
  return signature;
}

bool BundleHash::verify(const Signature& signature, const PublicKey& signer) {
  return crypto_sign_final_verify(&state_, signature.data(), signer.data()) == 0;
}

}  // namespace fob::fleet
