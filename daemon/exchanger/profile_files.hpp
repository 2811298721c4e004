// A profile and the certificates it trusts, read as every exchange reads them: afresh, and only from files
// that nobody else could have written.
#pragma once

#include "daemon/config/config.hpp"
#include "daemon/config/locations.hpp"
#include "ipc/base/result.hpp"

#include <optional>
#include <string>

namespace fob::exchanger {

/// Fails with config where the configuration has no such profile.
Result<config::Profile> find_profile(const config::Config& config, const std::string& name,
                                     const config::Locations& locations);
/// The same of the configuration in `locations`.
Result<config::Profile> find_profile(const std::string& name, const config::Locations& locations);

/// What is in the profile's ca_file; nothing where it names none. Fails with config.
Result<std::optional<std::string>> trusted_cas(const config::Profile& profile);

}  // namespace fob::exchanger
