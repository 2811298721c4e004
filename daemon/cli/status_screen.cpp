#include "daemon/cli/status_screen.hpp"

#include "daemon/cli/speech.hpp"
#include "ipc/base/users.hpp"
#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"

#include <algorithm>
#include <cctype>
#include <ctime>
#include <optional>
#include <vector>

namespace fob::cli {
namespace {

using wire::Json;

constexpr std::size_t k_max_word = 128;

std::string short_word(const Json& object, const char* name) {
  return wire::shown_member(object, name, k_max_word);
}

std::string duration(std::int64_t count) { return in_words(std::chrono::seconds(count)); }

std::string count(std::int64_t number, const std::string& singular) {
  return std::to_string(number) + " " + singular + (number == 1 ? "" : "s");
}

// The form in which fobd writes a moment (to_rfc3339), and no other.
std::optional<WallTime> from_rfc3339(const std::string& text) {
  std::tm time{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &time);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return WallTime(std::chrono::seconds(::timegm(&time)));
}

// What is no moment stays as it is; one that a clock set back makes future is now.
std::string ago(const std::string& at, WallTime now) {
  const auto time = from_rfc3339(at);
  return time ? duration(std::max<std::int64_t>(std::chrono::round<std::chrono::seconds>(now - *time).count(),
                                                0)) +
                    " ago"
              : at;
}

// "[#############.......]": how much of its life a token still has.
std::string bar_of(std::int64_t left, std::int64_t lifetime, Colour colour, bool coloured) {
  constexpr std::int64_t k_width = 20;
  const std::int64_t filled =
      std::clamp((left * k_width + lifetime / 2) / lifetime, std::int64_t{0}, k_width);
  return "[" + painted(std::string(static_cast<std::size_t>(filled), '#'), colour, coloured) +
         std::string(static_cast<std::size_t>(k_width - filled), '.') + "]";
}

// "valid  [#############.......]  3 min of 5 min left".
std::string state_of(const Json& profile, bool coloured) {
  constexpr std::int64_t k_longest = 366 * 86400LL;
  const std::string state = short_word(profile, "state");
  const std::string shown = state == "none"      ? "no token"
                            : state == "idle"    ? "idle"
                            : state == "expired" ? "token expired"
                                                 : state;
  const bool failing = wire::is_true(profile, "failing");
  const Colour colour = state == "valid"  ? (failing ? Colour::warning : Colour::good)
                        : state == "idle" ? Colour::faint
                                          : Colour::bad;
  const std::string line = painted(shown, colour, coloured);
  const auto left = wire::integer_member(profile, "expires_in");
  if (state != "valid" || !left) return line;
  const auto lifetime = wire::integer_member(profile, "lifetime").value_or(0);
  if (lifetime <= 0 || lifetime > k_longest || *left < 0 || *left > k_longest)
    return line + "  " + duration(*left) + " left";
  return line + "  " + bar_of(*left, lifetime, colour, coloured) + "  " + duration(*left) + " of " +
         duration(lifetime) + " left";
}

// What happens next, and why: "refresh in 3 min".
std::string next_of(const Json& profile) {
  if (wire::is_true(profile, "exchanging")) return "next: exchanging now";
  const auto next = wire::integer_member(profile, "next_attempt_in");
  if (!next)
    return short_word(profile, "refresh") == "on-demand" ? "next: a refresh when an app asks"
                                                         : "next: no refresh planned";
  const std::string why = short_word(profile, "next_attempt_why");
  return "next: " + (why.empty() ? "an attempt" : why) + " in " + duration(*next);
}

std::string credential_of(const Json& profile, WallTime now) {
  const auto version = wire::integer_member(profile, "credential_version");
  if (!version) return "";
  std::string line = "credential version " + std::to_string(*version);
  const std::string stored = short_word(profile, "credential_stored_at");
  return stored.empty() ? line : line + ", stored " + ago(stored, now);
}

std::string token_of(const Json& profile) {
  std::string line;
  if (const std::string print = short_word(profile, "fingerprint"); !print.empty()) line = "token " + print;
  std::string scopes;
  if (const auto list = profile.find("scopes"); list != profile.end() && list->is_array())
    for (const auto& scope : *list)
      if (scope.is_string()) scopes += " " + wire::printable(scope.get<std::string>(), k_max_word);
  if (!scopes.empty()) line += (line.empty() ? "scopes" : ", scopes") + scopes;
  return line;
}

std::string counts_of(const Json& profile) {
  const auto exchanges = profile.find("exchanges");
  if (exchanges == profile.end() || !exchanges->is_object()) return "";
  const auto ok = wire::integer_member(*exchanges, "ok").value_or(0);
  const auto failed = wire::integer_member(*exchanges, "failed").value_or(0);
  std::string line = count(ok + failed, "exchange");
  if (failed > 0) line += " (" + std::to_string(failed) + " failed)";
  return line + ", served " + count(wire::integer_member(profile, "served").value_or(0), "time");
}

// "xr, localizer.service, pid 812: 4 s ago, 120 times".
std::string recipient_of(const Json& recipient, WallTime now) {
  const auto uid = static_cast<uid_t>(wire::integer_member(recipient, "uid").value_or(0));
  std::string line = name_of_user(uid).value_or("user " + std::to_string(uid));
  if (const std::string unit = short_word(recipient, "unit"); !unit.empty()) line += ", " + unit;
  if (const std::string exe = short_word(recipient, "exe"); !exe.empty()) line += ", " + exe;
  line += ", pid " + std::to_string(wire::integer_member(recipient, "pid").value_or(0)) + ": ";
  const auto times = wire::integer_member(recipient, "count").value_or(1);
  line += ago(short_word(recipient, "at"), now);
  if (const std::string how = short_word(recipient, "how"); how != "request") line += ", by " + how;
  return times > 1 ? line + ", " + count(times, "time") : line;
}

std::vector<std::string> served_of(const Json& profile, WallTime now) {
  constexpr std::size_t k_shown = 3;
  std::vector<std::string> lines;
  const auto list = profile.find("served_to");
  if (list == profile.end() || !list->is_array()) return lines;
  for (const auto& recipient : *list)
    if (recipient.is_object() && lines.size() < k_shown)
      lines.push_back((lines.empty() ? "lately: " : "        ") + recipient_of(recipient, now));
  return lines;
}

std::string last_error_of(const Json& profile, WallTime now) {
  const auto error = profile.find("last_error");
  if (error == profile.end() || !error->is_object()) return "";
  const auto failing = profile.find("failing");
  const bool over = failing != profile.end() && *failing == false;
  return "last error " + ago(short_word(*error, "at"), now) + (over ? " (over), " : ", ") +
         short_word(*error, "kind") + ": " + wire::shown_member(*error, "detail");
}

std::string what_is_wrong(const Json& alarm) {
  const auto code = code_of_kind(short_word(alarm, "kind"));
  std::string words(traits(code.value_or(ErrorCode::rejected)).title);
  words.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(words.front())));
  return words;
}

// What is about to go wrong, and what would mend it.
std::string alarm_of(const Json& profile) {
  const auto alarm = profile.find("alarm");
  if (alarm == profile.end() || !alarm->is_object()) return "";
  std::string line = "ALARM since " + short_word(*alarm, "since") + ": " + what_is_wrong(*alarm);
  const auto left = wire::integer_member(*alarm, "token_ends_in");
  line += left ? "; apps go without a token in " + duration(*left) : "; apps have no token";
  const std::string offer = short_word(*alarm, "offer");
  if (offer.empty()) return line;
  return line + "; one that works is put in force by: fob credential " + offer + " " +
         short_word(profile, "name");
}

std::string fallback_of(const Json& profile) {
  const std::string slot = short_word(profile, "fallback");
  if (slot.empty()) return "";
  return "FALLBACK: the credential in force is refused; the " +
         (slot == "next" ? std::string("staged") : slot) + " one is used in its place";
}

std::string staged_of(const Json& profile) {
  const auto refused = profile.find("staged_refused");
  if (refused == profile.end() || !refused->is_object()) return "";
  return "the staged credential was refused " + short_word(*refused, "at") + ": " +
         wire::shown_member(*refused, "detail");
}

std::string lines_of(const Json& profile, std::size_t width, WallTime now, bool coloured) {
  std::string name = short_word(profile, "name");
  name.resize(std::max(width, name.size()), ' ');
  std::string lines = name + "  " + state_of(profile, coloured) + "\n";
  const std::string indent(width + 2, ' ');
  for (const auto& line : {alarm_of(profile), fallback_of(profile), staged_of(profile)})
    if (!line.empty()) lines += indent + painted(line, Colour::bad, coloured) + "\n";
  for (const auto& line :
       {next_of(profile), credential_of(profile, now), token_of(profile), counts_of(profile)})
    if (!line.empty()) lines += indent + line + "\n";
  for (const auto& line : served_of(profile, now)) lines += indent + line + "\n";
  if (const std::string error = last_error_of(profile, now); !error.empty()) lines += indent + error + "\n";
  return lines;
}

}  // namespace

Result<std::string> status_screen(std::string_view document, WallTime now, bool coloured) {
  const auto status = wire::parse_object(document, wire::k_max_answer, ErrorCode::internal);
  if (!status) return fail(ErrorCode::internal, "fobd's status cannot be read: " + status.error().detail);
  const auto profiles = status->find("profiles");
  if (profiles == status->end() || !profiles->is_array())
    return fail(ErrorCode::internal, "fobd's status names no profiles; is fobd of another version than fob?");

  std::size_t width = 0;
  for (const auto& profile : *profiles)
    if (profile.is_object()) width = std::max(width, short_word(profile, "name").size());
  std::string screen = "fobd " + short_word(*status, "version") + ", pid " +
                       std::to_string(wire::integer_member(*status, "pid").value_or(0)) + ", up " +
                       duration(wire::integer_member(*status, "uptime_s").value_or(0)) + "\n";
  if (profiles->empty()) screen += "no profile is configured; add [profile.NAME] to fob.toml\n";
  for (const auto& profile : *profiles)
    if (profile.is_object()) screen += "\n" + lines_of(profile, width, now, coloured);
  return screen;
}

}  // namespace fob::cli
