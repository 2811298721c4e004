#include "daemon/cli/config_commands.hpp"

#include "daemon/cli/speech.hpp"

namespace fob::cli {
Result<int> check_config(const Context& context) {
  const auto file = context.installation().config_file;
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
  const auto config = config::load(context.installation().config_file);
  if (!config) return config.error();
  if (auto printed = print(config::show(*config)); !printed) return printed.error();
  return 0;
}

Result<int> list_profiles(const Context& context) {
  const auto config = config::load(context.installation().config_file);
  if (!config) return traits(config.error().code).exit_status;
  std::string names;
  for (const auto& [name, profile] : config->profiles) names += name + "\n";
  if (auto printed = print(names); !printed) return printed.error();
  return 0;
}

}  // namespace fob::cli
