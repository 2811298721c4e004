#include "daemon/cli/config_commands.hpp"

#include "daemon/cli/speech.hpp"

namespace fob::cli {
namespace {

// Who has no configuration and named none asks the system's daemon.
std::filesystem::path file_of_profiles(const Context& context) {
  const auto own = context.locations().config_file;
  const bool named = !context.flags.config.empty() || config::process_environment("FOB_CONFIG").has_value();
  std::error_code ignored;
  if (named || std::filesystem::exists(own, ignored)) return own;
  const auto nothing = [](const char*) { return std::optional<std::string>(); };
  return config::locate({}, nothing, true).config_file;
}

}  // namespace

Result<int> check_config(const Context& context) {
  const auto file = context.locations().config_file;
  const auto config = config::load(file);
  if (!config) return config.error();
  const auto count = config->profiles.size();
  if (auto printed = print(file.string() + ": fine, " + std::to_string(count) +
                           (count == 1 ? " profile\n" : " profiles\n"));
      !printed)
    return printed.error();
  return 0;
}

Result<int> show_config(const Context& context) {
  const auto config = config::load(context.locations().config_file);
  if (!config) return config.error();
  if (auto printed = print(config::show(*config)); !printed) return printed.error();
  return 0;
}

Result<int> list_profiles(const Context& context) {
  const auto config = config::load(file_of_profiles(context));
  if (!config) return traits(config.error().code).exit_status;
  std::string names;
  for (const auto& [name, profile] : config->profiles) names += name + "\n";
  if (auto printed = print(names); !printed) return printed.error();
  return 0;
}

}  // namespace fob::cli
