#include "ipc/base/log.hpp"

#include "ipc/base/line.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace fob {
namespace {

constexpr std::size_t k_longest_message = 4096;

using enum Event;
using enum Priority;
constexpr bool k_counted = true, k_each = false;

// What each asks of its reader stands in docs/logs.md, which a test holds against this.
constexpr std::array k_events = {
    EventTraits{gave_up, "gave-up", error, k_each},
    EventTraits{alarm, "alarm", error, k_each},
    EventTraits{person_needed, "person-needed", error, k_counted},
    EventTraits{no_token, "no-token", error, k_counted},
    EventTraits{fallback, "fallback", error, k_each},
    EventTraits{reload_failed, "reload-failed", error, k_each},
    EventTraits{accept_failed, "accept-failed", error, k_counted},
    EventTraits{bug, "bug", error, k_counted},
    EventTraits{refresh_failed, "refresh-failed", warning, k_counted},
    EventTraits{staged_refused, "staged-refused", warning, k_each},
    EventTraits{not_promoted, "not-promoted", warning, k_counted},
    EventTraits{no_profile, "no-profile", warning, k_each},
    EventTraits{void_grant, "void-grant", warning, k_each},
    EventTraits{unconfined, "unconfined", warning, k_each},
    EventTraits{unknown_peer, "unknown-peer", warning, k_counted},
    EventTraits{deaf_to_networks, "deaf-to-networks", warning, k_each},
    EventTraits{not_kept, "not-kept", warning, k_counted},
    EventTraits{unheard_by_systemd, "unheard-by-systemd", warning, k_counted},
    EventTraits{alarm_over, "alarm-over", notice, k_each},
    EventTraits{fallback_over, "fallback-over", notice, k_each},
    EventTraits{promoted, "promoted", notice, k_each},
    EventTraits{staged_waits, "staged-waits", notice, k_each},
    EventTraits{credential_in_force, "credential-in-force", notice, k_each},
    EventTraits{reloaded, "reloaded", notice, k_each},
    EventTraits{refused, "refused", notice, k_each},
    EventTraits{granted, "granted", info, k_each},
    EventTraits{started, "started", info, k_each},
    EventTraits{ended, "ended", info, k_each},
    EventTraits{store_chosen, "store-chosen", info, k_each},
    EventTraits{token, "token", info, k_counted},
    EventTraits{token_taken_over, "token-taken-over", info, k_each},
    EventTraits{leftover_dropped, "leftover-dropped", info, k_each},
    EventTraits{exchange_given_up, "exchange-given-up", info, k_counted},
    EventTraits{network_up, "network-up", info, k_counted},
    EventTraits{clock_set, "clock-set", info, k_counted},
    EventTraits{resumed, "resumed", info, k_counted},
};

std::string_view kind_of(const About& about) {
  return about.failure ? traits(*about.failure).kind : std::string_view();
}

Journal::Fields fields_of(const About& about) {
  Journal::Fields fields;
  const auto add = [&](const char* name, std::string value) {
    if (!value.empty()) fields.emplace_back(name, std::move(value));
  };
  add("FOB_PROFILE", about.profile);
  add("FOB_KIND", std::string(kind_of(about)));
  add("FOB_FINGERPRINT", about.fingerprint);
  if (about.credential_version > 0) add("FOB_CREDENTIAL_VERSION", std::to_string(about.credential_version));
  return fields;
}

std::string name_of(const EventTraits& row, const About& about) {
  std::string name(row.word);
  name.append("\0", 1).append(about.profile).append("\0", 1).append(kind_of(about));
  return name;
}

}  // namespace

const EventTraits& traits(Event event) {
  const auto row =
      std::find_if(k_events.begin(), k_events.end(), [&](const auto& r) { return r.event == event; });
  return row == k_events.end() ? traits(bug) : *row;
}

std::span<const EventTraits> all_events() { return k_events; }

void Log::say(Event event, std::string_view words, About about) {
  const EventTraits& row = traits(event);
  const BootTime now = clock_.boot_now();
  const std::string before = about.profile.empty() ? "" : about.profile + ": ";
  std::string name = name_of(row, about);
  Line line{event, printable(before + std::string(words), k_longest_message), std::move(about), now};
  if (!row.counted) return tell(line);
  const auto [kind, is_told] = lines_.add(std::move(name), std::move(line), now);
  if (is_told) return tell(kind->last);
  if (!arm_ || (armed_for_ && *armed_for_ <= kind->until)) return;
  armed_for_ = kind->until;
  arm_(kind->until);
}

void Log::record(Event event, const std::string& words, const Journal::Fields& fields) const {
  Journal::Fields all = {{"FOB_EVENT", std::string(traits(event).word)}};
  all.insert(all.end(), fields.begin(), fields.end());
  sink_(traits(event).priority, words, all);
}

void Log::tell_repeats() {
  tell_until(clock_.boot_now());
  armed_for_ = lines_.due();
  if (armed_for_ && arm_) arm_(*armed_for_);
}

void Log::tell_the_rest() { tell_until(clock_.boot_now() + Repeats<Line>::k_pause); }

void Log::tell_until(BootTime time) {
  lines_.fold(time, [this](const Line& line) { tell(line); });
  lines_.forget_quiet(time);
}

// Who reads of repeats later must not take them for what is.
void Log::tell(const Line& line) const {
  std::string message = line.message;
  Journal::Fields fields = fields_of(line.about);
  if (line.repeats > 0) {
    const auto ago = std::chrono::floor<std::chrono::seconds>(clock_.boot_now() - line.at).count();
    message += " (the same " + std::to_string(line.repeats) + " times more before";
    message += ago > 0 ? ", the last " + std::to_string(ago) + " s ago)" : ")";
    fields.emplace_back("FOB_REPEATS", std::to_string(line.repeats));
  }
  record(line.event, message, fields);
}

}  // namespace fob
