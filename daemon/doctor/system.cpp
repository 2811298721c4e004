#include "daemon/doctor/system.hpp"

#include "daemon/config/locations.hpp"
#include "daemon/store/tool.hpp"
#include "ipc/base/file.hpp"

#include <algorithm>
#include <linux/landlock.h>
#include <map>
#include <set>
#include <sys/syscall.h>
#include <unistd.h>

namespace fob::doctor {
namespace {

constexpr std::chrono::seconds k_tool_patience{10};
constexpr std::size_t k_max_output = 64 * 1024;
constexpr std::size_t k_max_status = 64 * 1024;

using Lines = std::map<std::string, std::string, std::less<>>;

// "NAME<separator>value" a line.
Lines lines_of(std::string_view text, std::string_view separator) {
  Lines lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto at = line.find(separator);
    if (at == std::string_view::npos) continue;
    auto value = line.substr(at + separator.size());
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    lines.emplace(line.substr(0, at), value);
  }
  return lines;
}

std::string in(const Lines& lines, std::string_view name) {
  const auto found = lines.find(name);
  return found == lines.end() ? "" : found->second;
}

// A service that is not active has nothing to do; what starts one does nothing unless it is active.
Finding judge_unit(const Patient& patient, const Lines& unit) {
  const std::string name = in(unit, "Id"), state = in(unit, "ActiveState");
  // Whether bundles are taken by themselves is an administrator's to say.
  const bool optional = name.ends_with(".path") || name.ends_with(".timer");
  if (in(unit, "LoadState") == "not-found")
    return failure(Check::units, ErrorCode::internal, name + " is not installed",
                   patient.as_root("apt install --reinstall fob"));
  if (in(unit, "LoadState") == "masked" && optional) return pass(Check::units, name);
  if (in(unit, "LoadState") == "masked")
    return failure(Check::units, ErrorCode::internal, name + " is masked",
                   patient.as_root("systemctl unmask " + name) + " && " +
                       patient.as_root("systemctl enable --now " + name));
  if (state == "failed")
    return failure(Check::units, ErrorCode::internal, name + " has failed (" + in(unit, "Result") + ")",
                   patient.as_root("systemctl reset-failed " + name) + "; " +
                       patient.as_root("systemctl restart " + name));
  const bool wanted = !optional || in(unit, "UnitFileState") == "enabled";
  if (!name.ends_with(".service") && wanted && state != "active")
    return failure(Check::units, ErrorCode::internal,
                   name + (name.ends_with(".socket") ? " does not listen" : " is not active"),
                   patient.as_root("systemctl enable --now " + name));
  return pass(Check::units, name);
}

store::ToolRun run(const std::filesystem::path& program, const std::vector<std::string>& arguments) {
  return store::run_tool({program, {"LC_ALL=C", "SYSTEMD_PAGER="}, k_tool_patience}, arguments, "",
                         k_max_output);
}

// The version of Landlock's interface, or -1 without it (landlock_create_ruleset(2)).
long landlock_version() {
  return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

std::string version_of_exchanger() {
  const auto answer = run(config::sibling_program("fob-exchange"), {"--version"});
  std::string text = answer.end == store::ToolEnd::done ? std::string(answer.output.reveal()) : "";
  while (text.ends_with('\n')) text.pop_back();
  return text.empty() ? "fob-exchange does not start (" + answer.complaint + ")" : text;
}

}  // namespace

std::vector<Finding> judge_units(const Patient& patient, std::string_view shown) {
  std::vector<Finding> findings;
  std::size_t well = 0;
  while (!shown.empty()) {
    const auto end = std::min(shown.find("\n\n"), shown.size());
    const auto unit = lines_of(shown.substr(0, end), "=");
    shown.remove_prefix(std::min(end + 2, shown.size()));
    if (in(unit, "Id").empty()) continue;
    auto finding = judge_unit(patient, unit);
    if (finding.verdict == Verdict::pass) {
      ++well;
    } else {
      findings.push_back(std::move(finding));
    }
  }
  if (findings.empty()) findings.push_back(pass(Check::units, std::to_string(well) + " units are well"));
  return findings;
}

std::vector<Finding> examine_units(const Patient& patient, const store::Listing* listing) {
  if (!patient.units) return {skip(Check::units, "fob is not installed as units here")};
  std::vector<std::string> words = {"show",
                                    "--property=Id,LoadState,ActiveState,Result,UnitFileState",
                                    "fob.socket",
                                    "fob.service",
                                    "fob-promote.socket",
                                    "fob-witness.socket",
                                    "fob-inbox.path",
                                    "fob-inbox.timer"};
  std::set<std::string> profiles;
  if (listing != nullptr)
    for (const auto& slot : listing->slots)
      if (slot.store == config::StoreKind::systemd_creds) profiles.insert(slot.profile);
  for (const auto& profile : profiles) words.push_back("fob-exchange@" + profile + ".socket");
  const auto shown = run("/usr/bin/systemctl", words);
  if (shown.end != store::ToolEnd::done)
    return {failure(Check::units, ErrorCode::internal, "systemctl does not say: " + shown.complaint, "")};
  return judge_units(patient, shown.output.reveal());
}

Finding examine_sandbox(const Patient& patient, const wire::Json* status) {
  const long landlock = landlock_version();
  const std::string kernel = landlock < 0 ? "this kernel has no Landlock, so file rights are all that keeps "
                                            "fobd from other files"
                                          : "Landlock " + std::to_string(landlock);
  const auto pid = status == nullptr ? std::nullopt : wire::integer_member(*status, "pid");
  if (!pid) return skip(Check::sandbox, kernel + "; fobd's own is for operators to see");
  const auto text = read_file("/proc/" + std::to_string(*pid) + "/status", k_max_status, ErrorCode::internal);
  if (!text) return skip(Check::sandbox, kernel + "; fobd is in another world than this fob");
  const auto facts = lines_of(*text, ":");
  if (in(facts, "Name") != "fobd")
    return skip(Check::sandbox, kernel + "; fobd is in another world than this fob");
  const bool filtered = in(facts, "Seccomp") == "2", plain = in(facts, "NoNewPrivs") == "1";
  const auto capabilities = in(facts, "CapEff");
  const bool powerless = capabilities.find_first_not_of('0') == std::string::npos;
  if (!filtered || !plain)
    return failure(Check::sandbox, ErrorCode::internal,
                   "fobd runs without its filter of system calls; is it a fobd of ours?",
                   patient.restart(pid));
  const std::string confined =
      "fobd: seccomp, no new privileges" + std::string(powerless ? ", no capabilities; " : "; ") + kernel;
  if (landlock < 0) return warn(Check::sandbox, confined + " (CONFIG_SECURITY_LANDLOCK)", "");
  if (!powerless && patient.units)
    return warn(Check::sandbox, "fobd has capabilities (" + capabilities + ") that its unit does not give it",
                patient.restart(pid));
  return pass(Check::sandbox, confined);
}

Finding examine_versions(const Patient& patient, const wire::Json* status) {
  const std::string own = FOB_VERSION;
  const std::string exchanger = version_of_exchanger();
  if (exchanger != "fob-exchange " + own)
    return failure(Check::version, ErrorCode::internal, "fob is " + own + ", but: " + exchanger,
                   patient.as_root("apt install --reinstall fob"));
  if (status == nullptr) return pass(Check::version, "fob and fob-exchange " + own);
  const auto daemon = wire::printable(wire::string_member(*status, "version").value_or("?"), own.size() + 64);
  if (daemon == own) return pass(Check::version, "fob, fobd and fob-exchange " + own);
  return warn(Check::version, "fob is " + own + ", and fobd, which runs since before, is " + daemon,
              patient.restart(wire::integer_member(*status, "pid")));
}

}  // namespace fob::doctor
