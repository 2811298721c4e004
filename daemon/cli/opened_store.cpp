#include "daemon/cli/opened_store.hpp"

#include "daemon/cli/speech.hpp"
#include "daemon/cli/trial.hpp"
#include "daemon/store/open_store.hpp"
#include "ipc/client/control_client.hpp"
#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"

namespace fob::cli {

namespace {

bool staged_is_refused(const Result<std::string>& status, const std::string& profile) {
  const auto document = status ? wire::parse_object(*status, wire::k_max_answer, ErrorCode::internal)
                               : Result<wire::Json>(status.error());
  if (!document || !document->contains("profiles") || !document->at("profiles").is_array()) return false;
  for (const auto& entry : document->at("profiles"))
    if (entry.is_object() && wire::string_member(entry, "name") == profile)
      return entry.contains("staged_refused") && entry.at("staged_refused").is_object();
  return false;
}

// Where the units' exchangers look, whatever this command was told.
config::Locations of_the_units() {
  const config::Environment nothing = [](const char*) { return std::nullopt; };
  return config::locate({}, nothing, true);
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
      const auto socket = system.exchange_sockets() / (profile + ".sock");
      return try_staged_credential_by_unit(profile, socket, context.clock, wire::k_exchange_deadline);
    }
  }
  return try_staged_credential(profile, config::sibling_program("fob-exchange"), context.locations(),
                               context.clock, wire::k_exchange_deadline);
}

}  // namespace

Result<OpenedStore> open_configured_store(const Context& context) {
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
  const client::ControlClient fobd(context.daemon_locations().control_socket(), context.clock);
  const ProfileUnits units = units_here(context);
  return {store,
          [&context, &store, units](const std::string& profile) {
            return try_staged(profile, units, store, context);
          },
          [fobd, units, &store](const std::string& profile) {
            follow_store(units, store, profile);
            return fobd.credentials_changed(profile);
          },
          [](const std::string& message) { say(message); },
          [fobd](const std::string& profile) { return staged_is_refused(fobd.status(), profile); },
          [fobd, units, &store](const std::string& profile) {
            if (!units.are_here()) return;
            follow_store(units, store, profile);
            // It may have asked meanwhile, and have met what is gone now; if it does not run, so much the
            // better.
            (void)fobd.credentials_changed(profile);
          }};
}

}  // namespace fob::cli
