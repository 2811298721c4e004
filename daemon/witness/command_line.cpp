#include "daemon/witness/command_line.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace fob::witness {

void add_arguments(CLI::App& app, Arguments& arguments) {
  app.name("fob-witness");
  app.description(
      "Tells fobd which program a process runs. Started by its socket unit, or by fobd with a socket as "
      "stdin.");
  CLI::Option* by_uid =
      app.add_option("--for-uid", arguments.for_uid, "Who may ask, beside root; left out: its own user");
  by_uid->type_name("UID");
  app.add_option("--for-user", arguments.for_user, "The same by name")->type_name("USER")->excludes(by_uid);
  app.set_version_flag("--version", "fob-witness " FOB_VERSION);
}

}  // namespace fob::witness
