// The device's own keys for fleet bundles, kept in the credential store like a profile's credential: whatever
// protects those (a TPM, a keyring) protects these.
#pragma once

#include "daemon/fleet/identity.hpp"
#include "daemon/store/credential_store.hpp"

#include <optional>
#include <string>

namespace fob::cli {

/// The device's identity. Fails with no_credential where the device is not enrolled in a fleet, or as the
/// store does.
Result<fleet::DeviceIdentity> device_identity(store::CredentialStore& store);

/// The identity there is, or a new one called `id` (nothing: after the host). Fails with bad_request where
/// there is one of another name.
Result<fleet::DeviceIdentity> device_identity_or_new(store::CredentialStore& store,
                                                     const std::optional<std::string>& id);

}  // namespace fob::cli
