#include "daemon/broker/command_line.hpp"

#include "daemon/config/location_arguments.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace fob::broker {

void add_arguments(CLI::App& app, Arguments& arguments) {
  app.name("fobd");
  app.description(
      "fobd keeps valid access tokens at hand and serves them to local apps over a Unix socket.\n"
      "It runs in the foreground. See also: fob --help");
  config::add_location_arguments(app, arguments.at);
  app.add_flag("--units", arguments.units,
               "Ask the system's units over their sockets, instead of starting the programs");
  app.set_version_flag("--version", "fobd " FOB_VERSION);
  app.footer(config::k_default_places);
}

}  // namespace fob::broker
