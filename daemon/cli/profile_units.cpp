#include "daemon/cli/profile_units.hpp"

#include "daemon/cli/speech.hpp"

#include <unistd.h>
#include <utility>

namespace fob::cli {
namespace {

using config::StoreKind;

// To enable a unit makes systemd read all of its units again, which takes a slow device seconds.
constexpr std::chrono::seconds k_time_limit{30};
// It says next to nothing, but for a complaint.
constexpr std::size_t k_max_output = 4096;

}  // namespace

ProfileUnits::ProfileUnits(bool here, store::Tool systemctl,
                           std::function<void(const std::string& message)> say)
    : here_(here), systemctl_(std::move(systemctl)), say_(std::move(say)) {}

Result<void> ProfileUnits::check(const config::StoreChoice& choice) const {
  if (!here_ || choice.kind == StoreKind::systemd_creds) return {};
  return fail(ErrorCode::config, "[daemon] has store = \"" + std::string(to_string(choice.kind)) +
                                     "\", but the units of the system installation read systemd-creds only; "
                                     "set store = \"systemd-creds\" or leave it out");
}

void ProfileUnits::follow(const std::string& profile, const std::optional<StoreKind>& store) const {
  if (!here_) return;
  const std::string unit = "fob-exchange@" + profile;
  if (store == StoreKind::systemd_creds) {
    enable(unit + ".socket");
  } else {
    systemctl({"disable", "--now", unit + ".socket"}, "nothing can be asked of it any more");
    if (store)
      say_("warning: " + profile + " is in the store \"" + std::string(to_string(*store)) +
           "\", and the units of the system installation read systemd-creds only; run: fob credential "
           "migrate " +
           profile + " --to systemd-creds");
  }
  systemctl({"stop", unit + ".service"}, "one that runs may use the credential of before for a moment");
}

// Where it is in force already, systemd is spared the reading of all its units.
void ProfileUnits::enable(const std::string& socket) const {
  const auto holds = [&](const char* question) {
    const auto run = run_tool(systemctl_, {question, "--quiet", socket}, {}, k_max_output);
    return run.end == store::ToolEnd::done;
  };
  if (holds("is-enabled") && holds("is-active")) return;
  systemctl({"enable", "--now", socket}, "the credential is stored all the same");
}

void ProfileUnits::systemctl(std::vector<std::string> words, const std::string& otherwise) const {
  std::string command = "systemctl";
  for (const auto& word : words) command += " " + word;
  words.insert(words.begin(), {"--no-ask-password", "--quiet"});
  const auto run = run_tool(systemctl_, words, {}, k_max_output);
  if (run.end == store::ToolEnd::done) return;
  say_("warning: `" + command + "` failed (" + run.complaint + "); " + otherwise + "; run: " + command);
}

ProfileUnits units_here(const Context& context) {
  const auto offers = config::look_for_stores(context.locations(), config::process_environment);
  return {::geteuid() == 0 && offers.systemd,
          {"/usr/bin/systemctl", {"LC_ALL=C", "SYSTEMD_LOG_LEVEL=err"}, k_time_limit},
          [](const std::string& message) { say(message); }};
}

}  // namespace fob::cli
