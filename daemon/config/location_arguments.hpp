// The three arguments that every program takes: where its configuration, its sockets and its state are. Here
// once, so that all programs call them the same and say the same of them.
#pragma once

#include "daemon/config/locations.hpp"

namespace CLI {
class App;
}

namespace fob::config {

/// For a help text: the places where no argument and no variable says otherwise.
inline constexpr const char* k_default_places =
    "Where nothing else is said, these are /etc/fob/fob.toml, /run/fob and /var/lib/fob for root,\n"
    "~/.config/fob/fob.toml, $XDG_RUNTIME_DIR/fob and ~/.local/state/fob for a user.";

/// `flags` is filled when `app` parses, and must live until then.
void add_location_arguments(CLI::App& app, LocationFlags& flags);

}  // namespace fob::config
