#include "daemon/cli/opened_store.hpp"

#include "daemon/cli/speech.hpp"
#include "daemon/cli/trial.hpp"
#include "daemon/store/open_store.hpp"
#include "ipc/client/control_client.hpp"
#include "ipc/wire/limits.hpp"

namespace fob::cli {

Result<OpenedStore> open_configured_store(const Context& context) {
  auto config = config::load(context.locations().config_file);
  if (!config) return config.error();
  auto choice = config::choose_store(
      *config, config::look_for_stores(context.locations(), config::process_environment));
  auto store = store::open_store(*config, context.locations(), choice, context.clock);
  return OpenedStore{std::move(*config), std::move(choice), std::move(store)};
}

EnrolmentWorld world_of(store::CredentialStore& store, const Context& context) {
  const client::ControlClient fobd(context.daemon_locations().control_socket(), context.clock);
  return {store,
          [&context](const std::string& profile) {
            return try_staged_credential(profile, config::sibling_program("fob-exchange"),
                                         context.locations(), context.clock, wire::k_exchange_deadline);
          },
          [fobd](const std::string& profile) { return fobd.credentials_changed(profile); },
          [](const std::string& message) { say(message); }};
}

}  // namespace fob::cli
