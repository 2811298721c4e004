// The device's credential store as the configuration means it, opened.
#pragma once

#include "daemon/config/locations.hpp"
#include "daemon/config/store_choice.hpp"
#include "daemon/store/credential_store.hpp"

#include <memory>

namespace fob::store {

/// Touches nothing yet. `choice` says where first credentials go.
std::unique_ptr<CredentialStore> open_store(const config::Config& config, const config::Locations& locations,
                                            const config::StoreChoice& choice, const Clock& clock);

/// The same, with the choice made from what this device offers.
std::unique_ptr<CredentialStore> open_store(const config::Config& config, const config::Locations& locations,
                                            const Clock& clock);

}  // namespace fob::store
