#include "daemon/exchanger/profile_files.hpp"

#include "daemon/config/ca_file.hpp"

namespace fob::exchanger {

Result<config::Profile> find_profile(const config::Config& config, const std::string& name,
                                     const config::Locations& locations) {
  const auto* profile = config.find(name);
  if (profile == nullptr)
    return fail(ErrorCode::config, "there is no [profile." + name + "] in " + locations.config_file.string() +
                                       "; add it, or ask for another profile");
  return *profile;
}

Result<config::Profile> find_profile(const std::string& name, const config::Locations& locations) {
  const auto config = config::load(locations.config_file);
  if (!config) return config.error();
  return find_profile(*config, name, locations);
}

Result<std::optional<std::string>> trusted_cas(const config::Profile& profile) {
  if (!profile.ca_file) return std::optional<std::string>();
  auto pem = config::read_ca_file(*profile.ca_file);
  if (!pem)
    return fail(ErrorCode::config, "correct ca_file of [profile." + profile.name + "]: " + pem.error().detail);
  return std::optional<std::string>(std::move(*pem));
}

}  // namespace fob::exchanger
