#include "daemon/cli/explain_command.hpp"

#include "daemon/cli/speech.hpp"
#include "ipc/client/control_client.hpp"
#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"

#include <boost/url/params_ref.hpp>
#include <boost/url/url.hpp>

#include <algorithm>
#include <utility>

namespace fob::cli {
namespace {

using wire::Json;

std::string long_word(const Json& object, const char* name) {
  return wire::shown_member(object, name, wire::k_max_path);
}

const Json& member(const Json& object, const char* name) {
  static const Json none = nullptr;
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found == object.end() ? none : *found;
}

// "xr (1000)"
std::string account(const Json& json) {
  if (!json.is_object()) return "not said";
  const std::string number = std::to_string(wire::integer_member(json, "id").value_or(0));
  const std::string name = long_word(json, "name");
  return name.empty() ? number : name + " (" + number + ")";
}

std::string groups_of(const Json& facts) {
  std::string text;
  for (const auto& group : member(facts, "groups")) text += (text.empty() ? "" : ", ") + account(group);
  return text.empty() ? "none" : text;
}

std::string fact(const Json& facts, const char* name) {
  const Json& json = member(facts, name);
  if (!json.is_object()) return "not known";
  const std::string value = long_word(json, "value");
  return value.empty() ? "not known: " + long_word(json, "unknown") : value;
}

std::string facts_lines(const Json& facts) {
  const std::pair<const char*, std::string> rows[] = {
      {"user", account(member(facts, "user"))},
      {"group", account(member(facts, "group"))},
      {"also in", groups_of(facts)},
      {"unit", fact(facts, "unit")},
      {"program", fact(facts, "exe")},
      {"its sha256", fact(facts, "exe_sha256")},
      {"label", fact(facts, "label")},
  };
  std::string lines;
  for (const auto& [name, value] : rows) {
    std::string padded = name;
    padded.resize(12, ' ');
    lines += "  " + padded + value + "\n";
  }
  return lines;
}

std::string misses_of(const Json& judged) {
  std::string lines;
  for (const auto& miss : member(judged, "why")) {
    lines += "    grant " + std::to_string(wire::integer_member(miss, "grant").value_or(0)) + " (" +
             long_word(miss, "where") + "):\n";
    for (const auto& failed : member(miss, "failed"))
      if (failed.is_string())
        lines += "      " + wire::printable(failed.get<std::string>(), wire::k_max_path) + "\n";
  }
  return lines.empty() ? "    " + long_word(judged, "reason") + "\n" : lines;
}

std::string verdict(const Json& judged, bool coloured) {
  const bool granted = member(judged, "granted") == true;
  std::string line =
      long_word(judged, "profile") + ": " +
      painted(granted ? "granted" : "not granted", granted ? Colour::good : Colour::bad, coloured);
  if (const auto grant = wire::integer_member(judged, "grant"))
    line += ", by grant " + std::to_string(*grant);
  if (member(judged, "configured") == false) line += "; but no profile of this name is configured";
  return line + "\n" + (granted ? "" : misses_of(judged));
}

}  // namespace

Result<std::string> explain_screen(std::string_view document, bool coloured) {
  const auto answer = wire::parse_object(document, wire::k_max_answer, ErrorCode::internal);
  if (!answer) return fail(ErrorCode::internal, "fobd's answer cannot be read: " + answer.error().detail);
  const Json& profiles = member(*answer, "profiles");
  if (!member(*answer, "facts").is_object() || !profiles.is_array())
    return fail(ErrorCode::internal, "fobd's answer explains nothing; is fobd of another version than fob?");
  const auto pid = wire::integer_member(*answer, "pid");
  std::string screen =
      pid ? "process " + std::to_string(*pid) + ", if it connected now:\n" : std::string("such a process:\n");
  screen += facts_lines(member(*answer, "facts"));
  if (profiles.empty()) screen += "no profile is configured\n";
  for (const auto& judged : profiles)
    if (judged.is_object()) screen += verdict(judged, coloured);
  return screen;
}

Result<int> explain_grants(const ExplainOptions& options, const Context& context) {
  boost::urls::url target("/v1/explain");
  if (options.pid) target.params().append({"pid", std::to_string(*options.pid)});
  if (options.as) target.params().append({"as", *options.as});
  if (options.profile) target.params().append({"profile", *options.profile});
  const client::ControlClient fobd(context.daemon_locations().control_socket(), context.clock);
  const auto document = fobd.explain(std::string(target.buffer()));
  if (!document) return document.error();
  const auto screen =
      options.json ? Result<std::string>(*document + "\n") : explain_screen(*document, may_colour());
  if (!screen) return screen.error();
  if (auto printed = print(*screen); !printed) return printed.error();
  return 0;
}

}  // namespace fob::cli
