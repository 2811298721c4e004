// Which store the configuration means, opened.
#pragma once

#include "daemon/config/config.hpp"
#include "daemon/config/locations.hpp"
#include "daemon/store/credential_store.hpp"

#include <memory>

namespace fob::store {

/// Fails with ErrorCode::config where the configured store is not in this build.
Result<std::unique_ptr<CredentialStore>> open_store(const config::Config& config,
                                                    const config::Locations& locations, const Clock& clock);

}  // namespace fob::store
