#include "daemon/cli/profile_units.hpp"

#include "daemon/cli/speech.hpp"
#include "ipc/base/file.hpp"
#include "ipc/base/fingerprint.hpp"

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
                           std::function<void(const std::string& message)> say,
                           std::filesystem::path settings)
    : here_(here), systemctl_(std::move(systemctl)), say_(std::move(say)), settings_(std::move(settings)) {}

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
    enable(unit, profile);
  } else {
    systemctl({"disable", "--now", unit + ".socket"}, "nothing can be asked of it any more");
    take_user(unit);
    if (store)
      say_("warning: " + profile + " is in the store \"" + std::string(to_string(*store)) +
           "\", and the units of the system installation read systemd-creds only; run: fob credential "
           "migrate " +
           profile + " --to systemd-creds");
  }
  systemctl({"stop", unit + ".service"}, "one that runs may use the credential of before for a moment");
}

std::filesystem::path ProfileUnits::drop_in_of(const std::string& unit) const {
  return settings_ / (unit + ".service.d") / "50-user.conf";
}

// A name of a profile may be longer than a user's, and have other characters: its fingerprint fits.
bool ProfileUnits::give_user(const std::string& unit, const std::string& profile) const {
  const auto drop_in = drop_in_of(unit);
  const std::string text =
      "# By fob credential: a user of its own for this profile's exchanger.\n[Service]\nUser=fob-x-" +
      fingerprint(profile) + "\n";
  const auto before = read_file(drop_in, k_max_output, ErrorCode::store);
  if (before && *before == text) return false;
  auto made = make_directory(drop_in.parent_path(), 0755, ErrorCode::store);
  if (made) made = replace_file(drop_in, text, 0644, ErrorCode::store);
  if (!made)
    say_("warning: the exchanger of " + profile + " shares a user with others, since " + made.error().detail);
  return made.has_value();
}

void ProfileUnits::take_user(const std::string& unit) const {
  std::error_code ignored;
  std::filesystem::remove(drop_in_of(unit), ignored);
  std::filesystem::remove(drop_in_of(unit).parent_path(), ignored);
}

// Where it is in force already, systemd is spared the reading of all its units.
void ProfileUnits::enable(const std::string& unit, const std::string& profile) const {
  const std::string socket = unit + ".socket";
  const bool new_user = give_user(unit, profile);
  const auto holds = [&](const char* question) {
    const auto run = run_tool(systemctl_, {question, "--quiet", socket}, {}, k_max_output);
    return run.end == store::ToolEnd::done;
  };
  if (holds("is-enabled") && holds("is-active")) {
    if (new_user) systemctl({"daemon-reload"}, "its exchanger shares a user with others until then");
    return;
  }
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
