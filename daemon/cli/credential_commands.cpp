#include "daemon/cli/credential_commands.hpp"

#include "daemon/cli/credential_source.hpp"
#include "daemon/cli/opened_store.hpp"
#include "daemon/cli/shred.hpp"
#include "daemon/cli/speech.hpp"
#include "ipc/wire/json.hpp"

#include <algorithm>
#include <array>

namespace fob::cli {
namespace {

// Where nobody said where it belongs, it is said where it is.
void tell_of_chosen_store(const config::StoreChoice& choice, const EnrolmentWorld& world) {
  if (choice.configured) return;
  world.say("it is kept in the store \"" + std::string(to_string(choice.kind)) + "\", chosen since " +
            choice.why + "; to choose yourself: store = … in [daemon]");
}

using Row = std::array<std::string, 6>;

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
  std::vector<Row> rows = {{"PROFILE", "SLOT", "VERSION", "CLIENT-ID", "AGE", "STORE"}};
  for (const auto& slot : slots)
    rows.push_back({slot.profile,
                    std::string(to_string(slot.slot)) + (slot.origin.untested ? " (untested)" : ""),
                    std::to_string(slot.version), slot.client_id_fingerprint,
                    in_words(std::chrono::duration_cast<std::chrono::seconds>(now - slot.stored_at)),
                    std::string(to_string(slot.store))});
  return table(rows);
}

std::string as_json(const std::vector<store::SlotSummary>& slots, WallTime now) {
  wire::Json list = wire::Json::array();
  for (const auto& slot : slots)
    list.push_back({{"profile", slot.profile},
                    {"slot", to_string(slot.slot)},
                    {"version", slot.version},
                    {"client_id_fingerprint", slot.client_id_fingerprint},
                    {"stored_at", to_rfc3339(slot.stored_at)},
                    {"age_s", std::chrono::floor<std::chrono::seconds>(now - slot.stored_at).count()},
                    {"untested", slot.origin.untested},
                    {"bundle_serial", slot.origin.bundle_serial == 0 ? wire::Json(nullptr)
                                                                     : wire::Json(slot.origin.bundle_serial)},
                    {"store", to_string(slot.store)}});
  return wire::dump(list) + "\n";
}

}  // namespace

Result<int> enrol_credential(Purpose purpose, const EnrolmentOptions& options, const Context& context) {
  const auto opened = open_configured_store(context);
  if (!opened) return opened.error();
  if (auto known = require_profile(opened->config, context.locations().config_file, options.profile); !known)
    return known.error();
  if (auto readable = units_here(context).check(opened->choice); !readable) return readable.error();
  const EnrolmentWorld world = world_of(*opened->store, context);
  Enrolment enrolment(world, options.profile);
  if (auto begun = enrolment.begin(purpose); !begun) return begun.error();
  const auto credential = obtain_credential(options.file, options.profile, world.say);
  if (!credential) return credential.error();
  const EnrolmentTerms terms{options.with_trial ? Trial::required : Trial::none, 0};
  if (auto enrolled = enrolment.enrol(*credential, terms); !enrolled) return enrolled.error();
  if (purpose == Purpose::add) tell_of_chosen_store(opened->choice, world);
  if (options.file) offer_to_shred(*options.file, world.say);
  return 0;
}

Result<int> migrate_credential(const std::string& profile, const std::string& to, const Context& context) {
  if (auto checked = check_profile_name(profile); !checked) return checked.error();
  const auto kind = config::store_kind_from(to);
  if (!kind) return fail(ErrorCode::usage, "--to takes one of: systemd-creds, secret-service, file");
  const auto opened = open_configured_store(context);
  if (!opened) return opened.error();
  const auto moved = opened->store->migrate(profile, *kind);
  if (!moved) return moved.error();
  const std::string store = "the store \"" + to + "\"";
  if (*moved == store::Move::was_there) {
    say(profile + " is in " + store + " already");
  } else if (*moved == store::Move::moved) {
    say(profile + ": moved to " + store + ", read back and compared; the old copy is deleted");
  } else {
    say("warning: " + profile + " is moved to " + store +
        ", but the old copy could not be deleted; see: fob credential list");
  }
  follow_store(units_here(context), *opened->store, profile);
  if (opened->choice.configured && opened->choice.kind != *kind)
    say("[daemon] still says store = \"" + std::string(to_string(opened->choice.kind)) +
        "\", and the next rotation would move it back there; change that line to store = \"" + to + "\"");
  return 0;
}

Result<int> promote_credential(const std::string& profile,
                               const std::optional<std::uint64_t>& untested_version, const Context& context) {
  if (auto checked = check_profile_name(profile); !checked) return checked.error();
  const auto opened = open_configured_store(context);
  if (!opened) return opened.error();
  const auto promoted = untested_version ? promote_if_untested(*opened->store, profile, *untested_version)
                                         : promote(world_of(*opened->store, context), profile);
  if (!promoted) return promoted.error();
  return 0;
}

Result<int> list_credentials(bool json, const Context& context) {
  const auto opened = open_configured_store(context);
  if (!opened) return opened.error();
  const auto listing = opened->store->list();
  if (!listing) return listing.error();
  const auto& [slots, unreadable, notes] = *listing;
  const WallTime now = context.clock.wall_now();
  if (json || !slots.empty()) {
    if (auto printed = print(json ? as_json(slots, now) : as_table(slots, now)); !printed)
      return printed.error();
  } else if (unreadable.empty()) {
    say("no credential is stored yet; enrol one: fob credential add PROFILE");
  }
  for (const auto& error : unreadable) say(error.detail);
  for (const auto& note : notes) say(note);
  return unreadable.empty() ? 0 : traits(ErrorCode::store).exit_status;
}

Result<int> roll_back_credential(const std::string& profile, const Context& context) {
  if (auto checked = check_profile_name(profile); !checked) return checked.error();
  const auto opened = open_configured_store(context);
  if (!opened) return opened.error();
  const auto staged = opened->store->staged(profile);
  if (auto rolled = opened->store->roll_back(profile); !rolled) return rolled.error();
  say(profile + ": the previous credential is in force again; the same command undoes this");
  if (staged && staged->origin.untested)
    say("version " + std::to_string(staged->version) + ", which was staged, is forgotten" +
        (staged->origin.bundle_serial == 0 ? "" : "; to have it again, seal it with a higher serial"));
  if (auto renewed = renew_token(world_of(*opened->store, context), profile); !renewed)
    return renewed.error();
  return 0;
}

Result<int> remove_credential(const std::string& profile, bool even_unread, const Context& context) {
  if (auto checked = check_profile_name(profile); !checked) return checked.error();
  const auto opened = open_configured_store(context);
  if (!opened) return opened.error();
  const auto unread = even_unread ? store::Unread::forget : store::Unread::keep;
  if (auto removed = opened->store->remove(profile, unread); !removed) return removed.error();
  say(profile + ": removed from this device; deactivate it in the portal too, if nothing else uses it");
  if (auto told = announce_removal(world_of(*opened->store, context), profile); !told) return told.error();
  return 0;
}

}  // namespace fob::cli
