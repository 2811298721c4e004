#include "daemon/exchanger/command_line.hpp"

#include "daemon/config/location_arguments.hpp"
#include "ipc/wire/names.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace fob::exchanger {
namespace {

// In CLI11's manner: nothing where the text will do, else what is wrong with it.
std::string is_profile_name(const std::string& text) {
  return wire::is_profile_name(text) ? "" : "this is no profile's name";
}

}  // namespace

void add_arguments(CLI::App& app, Arguments& arguments) {
  app.name("fob-exchange");
  app.description(
      "Turns one profile's credential into one access token: a request line on stdin, an answer line on "
      "stdout,\n"
      "or both on each connection of a socket from systemd. Started by fobd or systemd.");
  config::add_location_arguments(app, arguments.at);
  app.add_option("--profile", arguments.profile, "Answer for this profile and refuse all others")
      ->type_name("PROFILE")
      ->check(is_profile_name);
  app.add_option("--for-user", arguments.for_user,
                 "On a socket from systemd: answer this user and root, and not whomever its mode lets in")
      ->type_name("USER");
  app.add_option("--probe", arguments.probe,
                 "See how far this profile's endpoint can be reached, without a credential; for fob doctor")
      ->type_name("PROFILE")
      ->check(is_profile_name);
  app.set_version_flag("--version", "fob-exchange " FOB_VERSION);
}

}  // namespace fob::exchanger
