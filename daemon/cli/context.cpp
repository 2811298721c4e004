#include "daemon/cli/context.hpp"

#include "daemon/config/nearest.hpp"
#include "ipc/wire/names.hpp"

#include <unistd.h>
#include <vector>

namespace fob::cli {
namespace {

bool is_root() { return ::geteuid() == 0; }

std::string names_of(const config::Config& config) {
  std::string names;
  for (const auto& [name, profile] : config.profiles) names += (names.empty() ? "" : ", ") + name;
  return names;
}

}  // namespace

config::Locations Context::locations() const {
  return config::locate(flags, config::process_environment, is_root());
}

config::Locations Context::installation() const {
  auto own = locations();
  const bool named = !flags.config.empty() || config::process_environment("FOB_CONFIG").has_value();
  std::error_code ignored;
  if (named || std::filesystem::exists(own.config_file, ignored)) return own;
  const auto nothing = [](const char*) { return std::optional<std::string>(); };
  return config::locate({}, nothing, true);
}

config::Locations Context::daemon_locations() const {
  return config::locate_daemon(flags, config::process_environment, is_root());
}

Result<void> check_profile_name(const std::string& name) {
  if (wire::is_profile_name(name)) return {};
  // It may be a secret in the wrong place, so it is not repeated.
  return fail(ErrorCode::usage, "this is no profile's name: 1 to 64 letters, digits, '.', '_' or '-'");
}

Result<void> require_profile(const config::Config& config, const std::filesystem::path& file,
                             const std::string& name) {
  if (auto checked = check_profile_name(name); !checked) return checked;
  if (config.find(name) != nullptr) return {};
  std::vector<std::string_view> known;
  for (const auto& [other, profile] : config.profiles) known.push_back(other);
  std::string message = file.string() + " has no profile '" + name + "'";
  if (const auto near = config::nearest(name, known))
    message += ", did you mean '" + std::string(*near) + "'";
  message += known.empty() ? "; it has none yet" : "; it has " + names_of(config);
  return fail(ErrorCode::unknown_profile,
              message + ". To have it, add [profile." + name + "] with its authority and scopes there");
}

Result<std::string> choose_profile(const std::optional<std::string>& named, const Context& context) {
  if (named) return *named;
  const auto file = context.installation().config_file;
  const auto config = config::load(file);
  if (!config) return fail(config.error().code, config.error().detail + "; or name the profile");
  if (config->daemon.default_profile) return *config->daemon.default_profile;
  if (config->profiles.size() == 1) return config->profiles.begin()->first;
  if (config->profiles.empty())
    return fail(ErrorCode::config,
                file.string() + " has no profile yet; add [profile.NAME] with its authority and scopes");
  return fail(ErrorCode::usage, "name one of the profiles: " + names_of(*config));
}

}  // namespace fob::cli
