#include "daemon/cli/credential_commands.hpp"

#include "daemon/cli/credential_source.hpp"
#include "daemon/cli/speech.hpp"
#include "daemon/cli/trial.hpp"
#include "daemon/store/open_store.hpp"
#include "ipc/client/control_client.hpp"
#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"

#include <algorithm>
#include <array>

namespace fob::cli {
namespace {

// The configuration, and the store that it means.
struct Opened {
  config::Config config;
  std::unique_ptr<store::CredentialStore> store;
};

Result<Opened> open(const Context& context) {
  auto config = config::load(context.locations().config_file);
  if (!config) return config.error();
  auto store = store::open_store(*config, context.locations(), context.clock);
  if (!store) return store.error();
  return Opened{std::move(*config), std::move(*store)};
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

using Row = std::array<std::string, 5>;

std::string table(const std::vector<Row>& rows) {
  std::array<std::size_t, std::tuple_size_v<Row>> widths{};
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i)
      text += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
    text += row.back() + "\n";
  }
  return text;
}

std::string as_table(const std::vector<store::SlotSummary>& slots, WallTime now) {
  std::vector<Row> rows = {{"PROFILE", "SLOT", "VERSION", "CLIENT-ID", "AGE"}};
  for (const auto& slot : slots)
    rows.push_back({slot.profile, std::string(to_string(slot.slot)), std::to_string(slot.version),
                    slot.client_id_fingerprint,
                    in_words(std::chrono::duration_cast<std::chrono::seconds>(now - slot.stored_at))});
  return table(rows);
}

std::string as_json(const std::vector<store::SlotSummary>& slots) {
  wire::Json list = wire::Json::array();
  for (const auto& slot : slots)
    list.push_back({{"profile", slot.profile},
                    {"slot", to_string(slot.slot)},
                    {"version", slot.version},
                    {"client_id_fingerprint", slot.client_id_fingerprint},
                    {"stored_at", to_rfc3339(slot.stored_at)}});
  return wire::dump(list) + "\n";
}

}  // namespace

Result<int> enrol_credential(Purpose purpose, const EnrolmentOptions& options, const Context& context) {
  const auto opened = open(context);
  if (!opened) return opened.error();
  if (auto known = require_profile(opened->config, context.locations().config_file, options.profile); !known)
    return known.error();
  const EnrolmentWorld world = world_of(*opened->store, context);
  Enrolment enrolment(world, options.profile);
  if (auto begun = enrolment.begin(purpose); !begun) return begun.error();
  const auto credential = obtain_credential(options.file, options.profile, world.say);
  if (!credential) return credential.error();
  if (auto enrolled = enrolment.enrol(*credential, options.with_trial); !enrolled) return enrolled.error();
  return 0;
}

Result<int> list_credentials(bool json, const Context& context) {
  const auto opened = open(context);
  if (!opened) return opened.error();
  const auto listing = opened->store->list();
  if (!listing) return listing.error();
  const auto& [slots, unreadable] = *listing;
  if (json || !slots.empty()) {
    if (auto printed = print(json ? as_json(slots) : as_table(slots, context.clock.wall_now())); !printed)
      return printed.error();
  } else if (unreadable.empty()) {
    say("no credential is stored yet; enrol one: fob credential add PROFILE");
  }
  for (const auto& error : unreadable) say(error.detail);
  return unreadable.empty() ? 0 : traits(ErrorCode::store).exit_status;
}

Result<int> roll_back_credential(const std::string& profile, const Context& context) {
  const auto opened = open(context);
  if (!opened) return opened.error();
  if (auto rolled = opened->store->roll_back(profile); !rolled) return rolled.error();
  say(profile + ": the previous credential is in force again; the same command undoes this");
  if (auto renewed = renew_token(world_of(*opened->store, context), profile); !renewed)
    return renewed.error();
  return 0;
}

Result<int> remove_credential(const std::string& profile, const Context& context) {
  const auto opened = open(context);
  if (!opened) return opened.error();
  if (auto removed = opened->store->remove(profile); !removed) return removed.error();
  say(profile + ": removed from this device; deactivate it in the portal too, if nothing else uses it");
  if (auto told = announce_removal(world_of(*opened->store, context), profile); !told) return told.error();
  return 0;
}

}  // namespace fob::cli
