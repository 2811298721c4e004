#include "daemon/config/locations.hpp"

#include <array>
#include <cstdlib>
#include <system_error>

namespace fob::config {
namespace {

using std::filesystem::path;

const path k_system_config = "/etc/fob";
const path k_system_runtime = "/run/fob";
const path k_system_state = "/var/lib/fob";
const path k_libexec = "/usr/libexec/fob";

// systemd gives a colon-separated list (systemd.exec(5), RuntimeDirectory=); ours is the first.
path first_of(const std::string& list) { return list.substr(0, list.find(':')); }

// One spelling for one place: absolute, without a slash at its end.
path tidied(const path& place) {
  const path whole = std::filesystem::absolute(place).lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();
}

path home(const Environment& environment) { return environment("HOME").value_or("/"); }

path user_config(const Environment& environment) {
  if (const auto xdg = environment("XDG_CONFIG_HOME")) return path(*xdg) / "fob";
  return home(environment) / ".config/fob";
}

path user_runtime(const Environment& environment) {
  if (const auto xdg = environment("XDG_RUNTIME_DIR")) return path(*xdg) / "fob";
  return home(environment) / ".cache/fob/run";
}

path user_state(const Environment& environment) {
  if (const auto xdg = environment("XDG_STATE_HOME")) return path(*xdg) / "fob";
  return home(environment) / ".local/state/fob";
}

}  // namespace

std::optional<std::string> process_environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::vector<std::string> environment_for_children(const Environment& environment) {
  constexpr std::array k_kept = {"CREDENTIALS_DIRECTORY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR",
                                 "XDG_DATA_DIRS"};
  std::vector<std::string> kept;
  for (const char* name : k_kept)
    if (const auto value = environment(name)) kept.push_back(std::string(name) + "=" + *value);
  return kept;
}

Locations locate(const LocationFlags& flags, const Environment& environment, bool is_root) {
  const auto choose = [&](const std::string& flag, const char* variable, const char* systemd,
                          const path& otherwise) {
    if (!flag.empty()) return tidied(flag);
    if (const auto value = environment(variable)) return tidied(*value);
    if (const auto value = environment(systemd)) return tidied(first_of(*value));
    return otherwise;
  };
  Locations at;
  // The configuration is a file where we are told of it, and fob.toml in a directory otherwise.
  const bool named = !flags.config.empty() || environment("FOB_CONFIG").has_value();
  at.config_file = choose(flags.config, "FOB_CONFIG", "CONFIGURATION_DIRECTORY",
                          is_root ? k_system_config : user_config(environment));
  if (!named) at.config_file /= "fob.toml";
  at.runtime_dir = choose(flags.runtime_dir, "FOB_RUNTIME_DIR", "RUNTIME_DIRECTORY",
                          is_root ? k_system_runtime : user_runtime(environment));
  at.state_dir = choose(flags.state_dir, "FOB_STATE_DIR", "STATE_DIRECTORY",
                        is_root ? k_system_state : user_state(environment));
  return at;
}

Locations locate_daemon(const LocationFlags& flags, const Environment& environment, bool is_root) {
  Locations at = locate(flags, environment, is_root);
  const bool said =
      !flags.runtime_dir.empty() || environment("FOB_RUNTIME_DIR") || environment("RUNTIME_DIRECTORY");
  std::error_code ignored;
  if (!said && !std::filesystem::exists(at.app_socket(), ignored)) at.runtime_dir = k_system_runtime;
  return at;
}

path sibling_program(const std::string& name) {
  std::error_code error;
  const path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error && std::filesystem::exists(self.parent_path() / name, error)) return self.parent_path() / name;
  return k_libexec / name;
}

}  // namespace fob::config
