#include "daemon/cli/doctor_command.hpp"

#include "daemon/cli/speech.hpp"
#include "daemon/config/store_choice.hpp"
#include "daemon/doctor/examination.hpp"
#include "ipc/base/shell_word.hpp"
#include "ipc/wire/json.hpp"

#include <algorithm>
#include <sstream>
#include <unistd.h>

namespace fob::cli {
namespace {

using doctor::Finding;
using doctor::Verdict;

constexpr std::size_t k_verdict_width = 6, k_check_width = 15;

Colour colour_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return Colour::good;
    case Verdict::warn:
      return Colour::warning;
    case Verdict::fail:
      return Colour::bad;
    case Verdict::skip:
      break;
  }
  return Colour::faint;
}

std::string padded(std::string_view text, std::size_t width) {
  std::string wide(text);
  wide.resize(std::max(width, wide.size()), ' ');
  return wide;
}

std::string lines_of(const Finding& finding, bool coloured) {
  std::string lines =
      painted(padded(to_string(finding.verdict), k_verdict_width), colour_of(finding.verdict), coloured) +
      padded(to_string(finding.check), k_check_width) + wire::printable(finding.what, finding.what.size()) +
      "\n";
  if (!finding.mend.empty())
    lines += std::string(k_verdict_width + k_check_width, ' ') + "$ " +
             wire::printable(finding.mend, finding.mend.size()) + "\n";
  return lines;
}

std::size_t count(const std::vector<Finding>& findings, Verdict verdict) {
  return static_cast<std::size_t>(std::count_if(
      findings.begin(), findings.end(), [&](const Finding& finding) { return finding.verdict == verdict; }));
}

Verdict worst(const std::vector<Finding>& findings) {
  if (count(findings, Verdict::fail) > 0) return Verdict::fail;
  return count(findings, Verdict::warn) > 0 ? Verdict::warn : Verdict::pass;
}

std::string summary(const std::vector<Finding>& findings) {
  const auto failed = count(findings, Verdict::fail), warned = count(findings, Verdict::warn);
  if (failed == 0 && warned == 0) return "all is well\n";
  return std::to_string(failed) + " failed, " + std::to_string(warned) +
         " to look at; begin with the first, since what follows may come of it\n";
}

bool is_in_path(const std::filesystem::path& program) {
  std::istringstream directories(config::process_environment("PATH").value_or(""));
  std::error_code ignored;
  for (std::string directory; std::getline(directories, directory, ':');) {
    const auto candidate = std::filesystem::path(directory) / program.filename();
    if (std::filesystem::exists(candidate, ignored))
      return std::filesystem::equivalent(candidate, program, ignored);
  }
  return false;
}

// How this fob is called from a shell, with the locations it was told: by arguments, or by variables that the
// shell may not have, nor sudo.
std::string this_fob(const Context& context) {
  struct Place {
    const char* argument;
    const char* variable;
    const std::string& given;
    std::filesystem::path here;
  };
  const auto at = context.installation();
  const auto runtime_dir = context.daemon_locations().runtime_dir;
  const Place places[] = {{" --config ", "FOB_CONFIG", context.flags.config, at.config_file},
                          {" --runtime-dir ", "FOB_RUNTIME_DIR", context.flags.runtime_dir, runtime_dir},
                          {" --state-dir ", "FOB_STATE_DIR", context.flags.state_dir, at.state_dir}};
  const auto program = config::sibling_program("fob");
  std::string command = is_in_path(program) ? "fob" : in_shell(program);
  for (const auto& place : places)
    if (!place.given.empty() || config::process_environment(place.variable))
      command += place.argument + in_shell(place.here);
  return command;
}

std::vector<Finding> examined(const doctor::Patient& patient) {
  const Waiting waiting("looks at this device, and asks its profiles' endpoints");
  return doctor::examine(patient);
}

}  // namespace

std::string doctor_screen(const std::vector<Finding>& findings, bool coloured) {
  std::string screen;
  for (const auto& finding : findings) screen += lines_of(finding, coloured);
  return screen + painted(summary(findings), colour_of(worst(findings)), coloured);
}

std::string doctor_json(const std::vector<Finding>& findings, WallTime now) {
  wire::Json checks = wire::Json::array();
  for (const auto& finding : findings)
    checks.push_back({{"check", to_string(finding.check)},
                      {"verdict", to_string(finding.verdict)},
                      {"what", finding.what},
                      {"mend", finding.mend.empty() ? wire::Json(nullptr) : wire::Json(finding.mend)}});
  return wire::dump({{"version", FOB_VERSION},
                     {"at", to_rfc3339(now)},
                     {"verdict", to_string(worst(findings))},
                     {"checks", std::move(checks)}}) +
         "\n";
}

int exit_status_of(const std::vector<Finding>& findings) {
  const auto first = std::find_if(findings.begin(), findings.end(),
                                  [](const Finding& finding) { return finding.verdict == Verdict::fail; });
  return first == findings.end() ? 0 : traits(first->code).exit_status;
}

Result<int> run_doctor(bool as_json, const Context& context) {
  const auto at = context.installation();
  const bool units = config::look_for_stores(at, config::process_environment).systemd;
  const auto daemon_at = context.daemon_locations();
  const uid_t keeper = doctor::keeper_of(at, daemon_at, units, ::geteuid());
  const auto findings =
      examined({at, daemon_at, this_fob(context), units, ::geteuid(), keeper, context.clock});
  const auto text =
      as_json ? doctor_json(findings, context.clock.wall_now()) : doctor_screen(findings, may_colour());
  if (auto printed = print(text); !printed) return printed.error();
  return exit_status_of(findings);
}

}  // namespace fob::cli
