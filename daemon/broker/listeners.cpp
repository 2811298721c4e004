#include "daemon/broker/listeners.hpp"

#include "ipc/base/file.hpp"
#include "ipc/transport/unix_listener.hpp"

#include <cstddef>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace fob::broker {
namespace {

// Root or the admin group's members reach control.sock by its mode already; who they are is checked again per
// call.
transport::ListenerMode control_mode(std::optional<gid_t> group) {
  const bool can_give = group && (::geteuid() == 0 || ::getegid() == *group);
  return can_give ? transport::ListenerMode{0660, group} : transport::ListenerMode{0600, std::nullopt};
}

std::string path_of(int socket) {
  sockaddr_un address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "";
  constexpr std::size_t k_before_path = offsetof(sockaddr_un, sun_path);
  if (size <= k_before_path || address.sun_path[0] == '\0') return "";
  return {address.sun_path, ::strnlen(address.sun_path, size - k_before_path)};
}

Result<Listeners> take_handed(const config::Locations& at, std::vector<HandedDescriptor> handed) {
  Listeners listeners;
  for (auto& one : handed) {
    if (const auto checked = check_listening(one); !checked) return checked.error();
    const std::string path = path_of(one.fd.get());
    if (path == at.app_socket()) {
      listeners.apps = std::move(one.fd);
    } else if (path == at.control_socket()) {
      listeners.operators = std::move(one.fd);
    } else {
      return fail(ErrorCode::config, "systemd hands over a socket at \"" + path + "\", and fobd serves " +
                                         at.app_socket().string() + " and " + at.control_socket().string() +
                                         "; see ListenStream= in fob.socket, or --runtime-dir");
    }
  }
  if (listeners.apps && listeners.operators) return listeners;
  return fail(ErrorCode::config,
              "systemd hands over one of fobd's two sockets only; fob.socket needs a "
              "ListenStream= for " +
                  at.app_socket().string() + " and one for " + at.control_socket().string());
}

}  // namespace

Result<Listeners> listen_for_both(const config::Locations& at, std::optional<gid_t> admins,
                                  std::vector<HandedDescriptor> handed) {
  if (!handed.empty()) return take_handed(at, std::move(handed));
  // Any user's app may connect (a grant decides), so it must be able to reach the socket.
  if (auto made = make_directory(at.runtime_dir, 0755, ErrorCode::config); !made) return made.error();
  auto lock = transport::lock_runtime_directory(at.runtime_dir);
  if (!lock) return lock.error();
  auto apps = transport::listen_at(at.app_socket(), {0666, std::nullopt});
  if (!apps) return apps.error();
  auto operators = transport::listen_at(at.control_socket(), control_mode(admins));
  if (!operators) return operators.error();
  return Listeners{std::move(*apps), std::move(*operators), std::move(*lock)};
}

void remove_sockets(const config::Locations& at) {
  ::unlink(at.app_socket().c_str());
  ::unlink(at.control_socket().c_str());
}

}  // namespace fob::broker
