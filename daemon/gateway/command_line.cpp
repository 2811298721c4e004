#include "daemon/gateway/command_line.hpp"

#include "daemon/config/location_arguments.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>

namespace fob::gateway {

void add_arguments(CLI::App& app, Arguments& arguments) {
  app.name("fob-gateway");
  app.description("Lets SDKs and web pages on this device use fob's tokens with a dummy credential.");
  config::add_location_arguments(app, arguments.at);
  app.add_option("--idle-after", arguments.idle_after_s,
                 "Started by its socket unit: end after so long without a connection; left out: 60")
      ->type_name("SECONDS")
      ->check(CLI::Range(1U, 86400U).description(""));
  app.set_version_flag("--version", "fob-gateway " FOB_VERSION);
  app.footer(config::k_default_places);
}

}  // namespace fob::gateway
