// What every command that works on credentials begins with: the configuration, the store that it means, and
// the ways to try a credential and to tell fobd of it.
#pragma once

#include "daemon/cli/context.hpp"
#include "daemon/cli/enrolment.hpp"
#include "daemon/cli/profile_units.hpp"
#include "daemon/config/store_choice.hpp"

#include <memory>

namespace fob::cli {

struct OpenedStore {
  config::Config config;
  config::StoreChoice choice;  ///< where first credentials go
  std::unique_ptr<store::CredentialStore> store;
};

/// Fails with config.
Result<OpenedStore> open_configured_store(const Context& context);

/// Makes the profile's units what it needs where its credentials are now.
void follow_store(const ProfileUnits& units, store::CredentialStore& store, const std::string& profile);

/// Whoever tells fobd by it has the profile's units follow first. `store` and `context` outlive it.
EnrolmentWorld world_of(store::CredentialStore& store, const Context& context);

}  // namespace fob::cli
