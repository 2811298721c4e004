// Bundles put together by hand, part by part, so that each part can be wrong and the signature still right.
// Keys come from fixed seeds.
#pragma once

#include "daemon/fleet/bundle_header.hpp"
#include "daemon/fleet/identity.hpp"
#include "daemon/fleet/operator_key.hpp"
#include "daemon/fleet/payload.hpp"
#include "daemon/fleet/signing.hpp"

#include <sodium.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

namespace fob::fleet::test {

/// `size` bytes that count up from `first`.
inline SecretBytes counting(std::size_t size, unsigned char first) {
  SecretBytes bytes(size);
  std::iota(bytes.bytes().begin(), bytes.bytes().end(), first);
  return bytes;
}

inline OperatorKey operator_key(unsigned char first = 0) {
  return operator_key_from(counting(32, first)).value();
}

inline DeviceIdentity device(std::string_view id, unsigned char first) {
  return identity_from(id, counting(k_identity_secret, first)).value();
}

inline Time at(std::string_view text) { return time_from(text).value(); }

/// The padded payload of `place` for a box of `box_bytes`.
inline std::string payload(const PayloadPlace& place, const CredentialView& credential,
                           std::size_t box_bytes) {
  std::string padded(box_bytes - crypto_box_SEALBYTES, '\0');
  write_payload(place, credential, {reinterpret_cast<unsigned char*>(padded.data()), padded.size()});
  return padded;
}

inline std::string sealed(std::string_view payload, const PublicKey& key) {
  std::string box(payload.size() + crypto_box_SEALBYTES, '\0');
  crypto_box_seal(reinterpret_cast<unsigned char*>(box.data()), octets(payload).data(), payload.size(),
                  key.data());
  return box;
}

struct Bundle {
  struct Entry {
    PublicKey key{};
    std::string box;
  };

  BundleHeader header;
  std::vector<Entry> entries;

  void sort() {
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });
  }
  /// All but the signature.
  std::string unsigned_bytes() const {
    std::string bytes = encode_header(header);
    for (const auto& entry : entries) bytes.append(entry.key.begin(), entry.key.end());
    for (const auto& entry : entries) bytes += entry.box;
    return bytes;
  }
  std::string bytes(const OperatorKey& key) const { return signed_by(key, unsigned_bytes()); }

  static std::string signed_by(const OperatorKey& key, std::string bytes) {
    BundleHash hash;
    hash.add(octets(bytes));
    const Signature signature = hash.sign(key.secret);
    return bytes.append(signature.begin(), signature.end());
  }
};

/// A bundle of serial 7 for headset-a (wave 0) and headset-b (wave 1), signed by operator_key() if by anyone.
inline Bundle small_bundle() {
  Bundle bundle;
  bundle.header = {"prod-query",
                   7,
                   at("2026-01-31T12:00:00Z"),
                   at("2026-02-01T00:00:00Z"),
                   at("2026-03-01T00:00:00Z"),
                   2,
                   crypto_box_SEALBYTES + 192,
                   {{50, at("2026-02-01T00:00:00Z")}, {100, at("2026-02-03T00:00:00Z")}},
                   operator_key().public_key};
  const DeviceIdentity a = device("headset-a", 0x20);
  const DeviceIdentity b = device("headset-b", 0x60);
  for (const auto* owner : {&a, &b})
    bundle.entries.push_back(
        {owner->box_key,
         sealed(payload({owner->id, "prod-query", 7, owner == &a ? std::size_t{0} : std::size_t{1}},
                        {"client-" + owner->id, "s3cret-of-" + owner->id}, bundle.header.box_bytes),
                owner->box_key)});
  bundle.sort();
  return bundle;
}

}  // namespace fob::fleet::test
