#include "daemon/config/location_arguments.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace fob::config {

void add_location_arguments(CLI::App& app, LocationFlags& flags) {
  app.add_option("--config", flags.config, "The configuration file (or FOB_CONFIG)")->type_name("FILE");
  app.add_option("--runtime-dir", flags.runtime_dir, "The directory of the sockets (or FOB_RUNTIME_DIR)")
      ->type_name("DIR");
  app.add_option("--state-dir", flags.state_dir, "The directory of what is kept (or FOB_STATE_DIR)")
      ->type_name("DIR");
}

}  // namespace fob::config
