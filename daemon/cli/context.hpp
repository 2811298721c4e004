// What every command gets: where this fob looks for its files and sockets, and what time it is.
#pragma once

#include "daemon/config/config.hpp"
#include "daemon/config/locations.hpp"
#include "ipc/base/clock.hpp"
#include "ipc/base/result.hpp"

#include <optional>
#include <string>

namespace fob::cli {

struct Context {
  config::LocationFlags flags;
  const Clock& clock;

  /// For what this fob does itself: configuration and store.
  config::Locations locations() const;
  /// Of the installation that is meant: the same, but for who named no configuration and has none, the
  /// system's.
  config::Locations installation() const;
  /// For what it asks of fobd: the user's daemon if there is one, else the system's.
  config::Locations daemon_locations() const;
};

/// Fails with usage where `name` could be no profile's name.
Result<void> check_profile_name(const std::string& name);

/// Fails with unknown_profile where `config`, read from `file`, has no such profile: says which it has and
/// what to add. Fails with usage where `name` could be no profile's name.
Result<void> require_profile(const config::Config& config, const std::filesystem::path& file,
                             const std::string& name);

/// The profile meant: the one named, else the configuration's default_profile, else its only one. Fails with
/// usage where that leaves a choice.
Result<std::string> choose_profile(const std::optional<std::string>& named, const Context& context);

}  // namespace fob::cli
