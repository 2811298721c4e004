#include "daemon/cli/opened_store.hpp"

#include "daemon/cli/speech.hpp"
#include "daemon/cli/trial.hpp"
#include "daemon/store/open_store.hpp"
#include "ipc/base/users.hpp"
#include "ipc/client/control_client.hpp"
#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"

#include <sys/stat.h>
#include <unistd.h>

namespace fob::cli {

namespace {

// What fobd says of the profile; an empty object where it says nothing.
wire::Json state_of(const Result<std::string>& status, const std::string& profile) {
  const auto document = status ? wire::parse_object(*status, wire::k_max_answer, ErrorCode::internal)
                               : Result<wire::Json>(status.error());
  if (!document || !document->contains("profiles") || !document->at("profiles").is_array())
    return wire::Json::object();
  for (const auto& entry : document->at("profiles"))
    if (entry.is_object() && wire::string_member(entry, "name") == profile) return entry;
  return wire::Json::object();
}

// Where the units' exchangers look, whatever this command was told.
config::Locations of_the_units() {
  const config::Environment nothing = [](const char*) { return std::nullopt; };
  return config::locate({}, nothing, true);
}

// Whose the device's store is: root's in the package, fobd's user's where it was installed by hand.
uid_t keeper_of(const config::Locations& system) {
  struct stat facts {};
  return ::lstat(system.state_dir.c_str(), &facts) == 0 ? facts.st_uid : 0;
}

// What another user than its keeper stored would lie in their home, where the device's fobd never looks.
Result<void> check_whose(const Context& context) {
  const auto system = of_the_units();
  const bool elsewhere = !context.flags.state_dir.empty() || config::process_environment("FOB_STATE_DIR") ||
                         config::process_environment("STATE_DIRECTORY");
  std::error_code ignored;
  if (::geteuid() == 0 || elsewhere || context.installation().config_file != system.config_file ||
      !std::filesystem::exists(system.config_file, ignored))
    return {};
  const uid_t keeper = keeper_of(system);
  const std::string whose = name_of_user(keeper).value_or("user " + std::to_string(keeper));
  const std::string again = keeper == 0 ? "with sudo before it"
                                        : "as " + whose + ", with --config " + system.config_file.string() +
                                              " --runtime-dir " + system.runtime_dir.string() +
                                              " --state-dir " + system.state_dir.string();
  return fail(ErrorCode::not_granted,
              "the credentials of " + system.config_file.string() + " are " + whose + "'s; the same again, " +
                  again + ". For a fob of your own write " +
                  config::locate({}, config::process_environment, false).config_file.string());
}

// The fobd that reads this store, and no other that may run here.
std::filesystem::path control_socket(const Context& context) {
  const auto own = context.locations();
  const bool of_the_device = own.state_dir == of_the_units().state_dir;
  return (of_the_device ? context.daemon_locations() : own).control_socket();
}

std::string trial_of(const std::string& profile) {
  return profile + ": asks for a token with the credential, as a trial";
}

// By the profile's unit where that reads the same configuration and the profile's store. It is started anew
// for it: one that runs would have the credentials of before.
wire::ExchangeAnswer try_staged(const std::string& profile, const ProfileUnits& units,
                                store::CredentialStore& store, const Context& context) {
  const auto system = of_the_units();
  if (units.are_here() && context.locations().config_file == system.config_file) {
    const auto where = store.whereabouts(profile);
    if (where && *where == config::StoreKind::systemd_creds) {
      units.follow(profile, *where);
      const Waiting waiting(trial_of(profile));
      const auto socket = system.exchange_sockets() / (profile + ".sock");
      return try_staged_credential_by_unit(profile, socket, context.clock, wire::k_exchange_deadline);
    }
  }
  const Waiting waiting(trial_of(profile));
  return try_staged_credential(profile, config::sibling_program("fob-exchange"), context.locations(),
                               context.clock, wire::k_exchange_deadline);
}

}  // namespace

Result<OpenedStore> open_configured_store(const Context& context) {
  if (auto ours = check_whose(context); !ours) return ours.error();
  auto config = config::load(context.locations().config_file);
  if (!config) return config.error();
  auto choice = config::choose_store(
      *config, config::look_for_stores(context.locations(), config::process_environment));
  auto store = store::open_store(*config, context.locations(), choice, context.clock);
  return OpenedStore{std::move(*config), std::move(choice), std::move(store)};
}

// Before fobd asks again, its units are what the profile needs now.
void follow_store(const ProfileUnits& units, store::CredentialStore& store, const std::string& profile) {
  if (!units.are_here()) return;
  // Of one that cannot be read now, nothing is known that the units should follow.
  if (const auto where = store.whereabouts(profile)) units.follow(profile, *where);
}

EnrolmentWorld world_of(store::CredentialStore& store, const Context& context) {
  const client::ControlClient fobd(control_socket(context), context.clock);
  const ProfileUnits units = units_here(context);
  return {store,
          [&context, &store, units](const std::string& profile) {
            return try_staged(profile, units, store, context);
          },
          [fobd, units, &store](const std::string& profile) {
            follow_store(units, store, profile);
            const Waiting waiting(profile + ": tells fobd, and waits for its token");
            return fobd.credentials_changed(profile);
          },
          [](const std::string& message) { say(message); },
          [fobd](const std::string& profile, std::uint64_t version) {
            const auto of_the_token =
                wire::integer_member(state_of(fobd.status(), profile), "credential_version");
            return of_the_token && static_cast<std::uint64_t>(*of_the_token) == version;
          },
          [fobd](const std::string& profile) {
            const auto state = state_of(fobd.status(), profile);
            return state.contains("staged_refused") && state.at("staged_refused").is_object();
          },
          [fobd, units, &store](const std::string& profile) {
            if (!units.are_here()) return;
            follow_store(units, store, profile);
            // It may have asked meanwhile, and have met what is gone now; if it does not run, so much the
            // better.
            (void)fobd.credentials_changed(profile);
          }};
}

}  // namespace fob::cli
