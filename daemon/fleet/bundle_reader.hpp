// A bundle on its device, or under an operator's eyes. Nothing in it is believed before its signature was
// verified, and what is then opened are the very bytes that were hashed: one pass, no second look at the
// file.
#pragma once

#include "daemon/fleet/bundle_header.hpp"
#include "daemon/fleet/bundle_source.hpp"
#include "daemon/fleet/identity.hpp"
#include "daemon/fleet/refusal.hpp"
#include "ipc/base/secret_bytes.hpp"

#include <cstddef>
#include <span>
#include <string>

namespace fob::fleet {

/// What a bundle held for this device. Authentic; whether it is to be applied now is judge()'s to say.
struct OpenedBundle {
  BundleHeader header;
  std::size_t wave = 0;  ///< which of the header's waves this device is in
  std::string client_id;
  SecretBytes client_secret;
};

/// The header, unverified: to choose a file by, or to be shown with a warning.
Verified<BundleHeader> read_bundle_header(const BundleSource& source);

/// Verifies size, signer, signature and the table's order, as a device does, but opens nothing.
Verified<BundleHeader> verify_bundle(const BundleSource& source, std::span<const PublicKey> trusted);

/// Opens what the bundle holds for `identity`, signed by one of `trusted`. Some 100 KiB of memory, whatever
/// the bundle's size.
Verified<OpenedBundle> open_bundle(const BundleSource& source, std::span<const PublicKey> trusted,
                                   const DeviceIdentity& identity);

}  // namespace fob::fleet
