#include "daemon/exchanger/profile_files.hpp"

#include "ipc/base/file.hpp"

namespace fob::exchanger {
namespace {

// The system's own bundle has 200 KiB.
constexpr std::size_t k_max_ca_file = 1024 * 1024;

}  // namespace

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

// Whoever can write ca_file can stand in for the authority, so it is read as the configuration is.
Result<std::optional<std::string>> trusted_cas(const config::Profile& profile) {
  if (!profile.ca_file) return std::optional<std::string>();
  auto pem = read_trusted_file(*profile.ca_file, k_max_ca_file, ErrorCode::config);
  if (!pem)
    return fail(ErrorCode::config, "ca_file of [profile." + profile.name + "] cannot be used (" +
                                       pem.error().detail + "); correct it or its mode");
  return std::optional<std::string>(std::move(*pem));
}

}  // namespace fob::exchanger
