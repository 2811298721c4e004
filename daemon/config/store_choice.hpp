// Which store new credentials go to: the configured one, else the best that this device has. It looks at
// files only and opens no store, so that fobd, which may not, can say in its log what was chosen and why.
#pragma once

#include "daemon/config/config.hpp"
#include "daemon/config/locations.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace fob::config {

/// What a device offers beside files.
struct StoreOffers {
  bool systemd = false;  ///< systemd is running, and starts fob's exchangers for these very places
  bool keyring = false;  ///< a user's session, with a secret service that D-Bus can start
};

/// Looks at the files that say so. `environment` is that of the process that will use the store.
StoreOffers look_for_stores(const Locations& locations, const Environment& environment);

struct StoreChoice {
  StoreKind kind = StoreKind::file;
  bool configured = false;  ///< [daemon] says so; else it was chosen
  std::string why;          ///< a clause for people: "it is configured", "systemd starts …"
};

StoreChoice choose_store(const Config& config, const StoreOffers& offers);

/// The store of that name, as in fob.toml.
std::optional<StoreKind> store_kind_from(std::string_view name);

}  // namespace fob::config
