#include "ipc/client/socket_path.hpp"

#include <cstdlib>
#include <unistd.h>

namespace fob::client {
namespace {

constexpr const char* k_system_socket = "/run/fob/fob.sock";

std::string from_environment(const char* name) {
  const char* value = ::secure_getenv(name);
  return value == nullptr ? "" : value;
}

std::string users_own() {
  if (const auto xdg = from_environment("XDG_RUNTIME_DIR"); !xdg.empty()) return xdg + "/fob/fob.sock";
  const auto home = from_environment("HOME");
  return home.empty() ? "" : home + "/.cache/fob/run/fob.sock";
}

}  // namespace

std::string default_app_socket() {
  if (auto named = from_environment("FOB_SOCKET"); !named.empty()) return named;
  if (auto directory = from_environment("FOB_RUNTIME_DIR"); !directory.empty())
    return directory + "/fob.sock";
  auto own = ::geteuid() == 0 ? "" : users_own();
  if (!own.empty() && ::access(own.c_str(), F_OK) == 0) return own;
  return k_system_socket;
}

}  // namespace fob::client
