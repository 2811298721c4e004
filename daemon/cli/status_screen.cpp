#include "daemon/cli/status_screen.hpp"

#include "daemon/cli/speech.hpp"
#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"

#include <algorithm>
#include <cctype>

namespace fob::cli {
namespace {

using wire::Json;

constexpr std::size_t k_max_word = 128;

std::string word(const Json& object, const char* name) {
  return wire::printable(wire::string_member(object, name).value_or(""), k_max_word);
}

std::string duration(std::int64_t seconds) { return in_words(std::chrono::seconds(seconds)); }

std::string count(std::int64_t number, const std::string& singular) {
  return std::to_string(number) + " " + singular + (number == 1 ? "" : "s");
}

// "valid, 4 min left", in its colour.
std::string state_of(const Json& profile, bool coloured) {
  const std::string state = word(profile, "state");
  const std::string shown = state == "none"      ? "no token"
                            : state == "idle"    ? "idle"
                            : state == "expired" ? "token expired"
                                                 : state;
  const Colour colour = state == "valid" ? Colour::good : state == "idle" ? Colour::faint : Colour::bad;
  std::string line = painted(shown, colour, coloured);
  if (const auto left = wire::integer_member(profile, "expires_in"); left && state == "valid")
    line += ", " + duration(*left) + " left";
  return line;
}

// What happens next: "exchanging now", "refresh in 3 min (always)".
std::string next_of(const Json& profile) {
  const std::string mode = word(profile, "refresh");
  if (const auto now = profile.find("exchanging"); now != profile.end() && *now == true)
    return "exchanging now";
  const auto next = wire::integer_member(profile, "next_attempt_in");
  if (!next) return mode == "on-demand" ? "refreshed on demand" : "no refresh planned";
  const std::string why = word(profile, "next_attempt_why");
  return (why.empty() ? "next attempt" : why) + " in " + duration(*next);
}

std::string credential_of(const Json& profile) {
  std::string line;
  if (const auto version = wire::integer_member(profile, "credential_version"))
    line = "credential version " + std::to_string(*version);
  if (const std::string print = word(profile, "fingerprint"); !print.empty())
    line += (line.empty() ? "token " : ", token ") + print;
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

std::string last_error_of(const Json& profile) {
  const auto error = profile.find("last_error");
  if (error == profile.end() || !error->is_object()) return "";
  const auto failing = profile.find("failing");
  const bool over = failing != profile.end() && *failing == false;
  return "last error " + word(*error, "at") + (over ? " (over), " : ", ") + word(*error, "kind") + ": " +
         wire::printable(wire::string_member(*error, "detail").value_or(""), wire::k_max_detail);
}

std::string what_is_wrong(const Json& alarm) {
  const auto code = code_of_kind(word(alarm, "kind"));
  std::string words(traits(code.value_or(ErrorCode::rejected)).title);
  words.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(words.front())));
  return words;
}

// What is about to go wrong, and what would mend it.
std::string alarm_of(const Json& profile) {
  const auto alarm = profile.find("alarm");
  if (alarm == profile.end() || !alarm->is_object()) return "";
  std::string line = "ALARM since " + word(*alarm, "since") + ": " + what_is_wrong(*alarm);
  const auto left = wire::integer_member(*alarm, "token_ends_in");
  line += left ? "; apps go without a token in " + duration(*left) : "; apps have no token";
  const std::string offer = word(*alarm, "offer");
  if (offer.empty()) return line;
  return line + "; one that works is put in force by: fob credential " + offer + " " + word(profile, "name");
}

std::string fallback_of(const Json& profile) {
  const std::string slot = word(profile, "fallback");
  if (slot.empty()) return "";
  return "FALLBACK: the credential in force is refused; the " +
         (slot == "next" ? std::string("staged") : slot) + " one is used in its place";
}

std::string staged_of(const Json& profile) {
  const auto refused = profile.find("staged_refused");
  if (refused == profile.end() || !refused->is_object()) return "";
  return "the staged credential was refused " + word(*refused, "at") + ": " +
         wire::printable(wire::string_member(*refused, "detail").value_or(""), wire::k_max_detail);
}

std::string lines_of(const Json& profile, std::size_t width, bool coloured) {
  std::string name = word(profile, "name");
  name.resize(std::max(width, name.size()), ' ');
  std::string lines = name + "  " + state_of(profile, coloured) + "; " + next_of(profile) + "\n";
  const std::string indent(width + 2, ' ');
  for (const auto& line : {alarm_of(profile), fallback_of(profile), staged_of(profile)})
    if (!line.empty()) lines += indent + painted(line, Colour::bad, coloured) + "\n";
  for (const auto& line : {credential_of(profile), counts_of(profile), last_error_of(profile)})
    if (!line.empty()) lines += indent + line + "\n";
  return lines;
}

}  // namespace

Result<std::string> status_screen(std::string_view document, bool coloured) {
  const auto status = wire::parse_object(document, wire::k_max_answer, ErrorCode::internal);
  if (!status) return fail(ErrorCode::internal, "fobd's status cannot be read: " + status.error().detail);
  const auto profiles = status->find("profiles");
  if (profiles == status->end() || !profiles->is_array())
    return fail(ErrorCode::internal, "fobd's status names no profiles; is fobd of another version than fob?");

  std::size_t width = 0;
  for (const auto& profile : *profiles)
    if (profile.is_object()) width = std::max(width, word(profile, "name").size());
  std::string screen = "fobd " + word(*status, "version") + ", pid " +
                       std::to_string(wire::integer_member(*status, "pid").value_or(0)) + ", up " +
                       duration(wire::integer_member(*status, "uptime_s").value_or(0)) + "\n";
  if (profiles->empty()) screen += "no profile is configured; add [profile.NAME] to fob.toml\n";
  for (const auto& profile : *profiles)
    if (profile.is_object()) screen += lines_of(profile, width, coloured);
  return screen;
}

}  // namespace fob::cli
