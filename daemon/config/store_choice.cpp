#include "daemon/config/store_choice.hpp"

#include <algorithm>
#include <array>
#include <system_error>
#include <vector>

namespace fob::config {
namespace {

namespace fs = std::filesystem;

constexpr std::array k_kinds = {StoreKind::systemd_creds, StoreKind::secret_service, StoreKind::file};

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// PID 1 opens a blob for whom a unit says, so without the units the store would be of no use.
bool systemd_starts_exchangers(const fs::path& state_dir) {
  constexpr std::array k_unit_directories = {"/etc/systemd/system", "/run/systemd/system",
                                             "/usr/lib/systemd/system", "/lib/systemd/system"};
  const bool has_unit = std::any_of(
      k_unit_directories.begin(), k_unit_directories.end(),
      [](const char* directory) { return is_there(fs::path(directory) / "fob-exchange@.service"); });
  return has_unit && state_dir == "/var/lib/fob" && is_there("/run/systemd/system") &&
         is_there("/usr/bin/systemd-creds");
}

std::vector<fs::path> service_directories(const Environment& environment) {
  std::string list = environment("XDG_DATA_DIRS").value_or("/usr/local/share:/usr/share");
  std::vector<fs::path> directories;
  for (std::size_t at = 0; at <= list.size();) {
    const auto end = std::min(list.find(':', at), list.size());
    if (end > at) directories.emplace_back(list.substr(at, end - at));
    at = end + 1;
  }
  return directories;
}

// What a keyring is asked by (store/libsecret.hpp), where the loader looks for it.
bool has_libsecret() {
  constexpr std::array k_directories = {"/usr/lib/" FOB_LIBRARY_ARCHITECTURE,
                                        "/lib/" FOB_LIBRARY_ARCHITECTURE,
                                        "/usr/lib64",
                                        "/lib64",
                                        "/usr/lib",
                                        "/lib",
                                        "/usr/local/lib"};
  return std::any_of(k_directories.begin(), k_directories.end(), [](const char* directory) {
    return is_there(fs::path(directory) / "libsecret-1.so.0");
  });
}

bool has_keyring(const fs::path& state_dir, const Environment& environment) {
  if (state_dir == "/var/lib/fob") return false;  // the system's installation belongs to no session
  const auto runtime = environment("XDG_RUNTIME_DIR");
  const bool has_bus =
      environment("DBUS_SESSION_BUS_ADDRESS") || (runtime && is_there(fs::path(*runtime) / "bus"));
  const auto directories = service_directories(environment);
  return has_bus && has_libsecret() &&
         std::any_of(directories.begin(), directories.end(), [](const fs::path& directory) {
           return is_there(directory / "dbus-1/services/org.freedesktop.secrets.service");
         });
}

}  // namespace

StoreOffers look_for_stores(const Locations& locations, const Environment& environment) {
  return {systemd_starts_exchangers(locations.state_dir), has_keyring(locations.state_dir, environment)};
}

StoreChoice choose_store(const Config& config, const StoreOffers& offers) {
  if (config.daemon.store) return {*config.daemon.store, true, "[daemon] says so"};
  if (offers.systemd)
    return {StoreKind::systemd_creds, false, "systemd runs here and starts fob's exchangers"};
  if (offers.keyring)
    return {StoreKind::secret_service, false, "this session has a keyring that D-Bus can start"};
  return {StoreKind::file, false,
          "there is neither a systemd that starts fob's exchangers nor a session with a keyring"};
}

std::optional<StoreKind> store_kind_from(std::string_view name) {
  const auto found =
      std::find_if(k_kinds.begin(), k_kinds.end(), [&](StoreKind kind) { return to_string(kind) == name; });
  return found == k_kinds.end() ? std::nullopt : std::optional(*found);
}

}  // namespace fob::config
