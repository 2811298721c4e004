#include "daemon/broker/service_manager.hpp"

#include "ipc/base/file.hpp"
#include "ipc/base/passed_descriptors.hpp"
#include "ipc/wire/json.hpp"

#include <charconv>
#include <cstddef>
#include <cstring>
#include <span>
#include <sys/socket.h>
#include <sys/un.h>

namespace fob::broker {
namespace {

// A line of `systemctl status`, not a page.
constexpr std::size_t k_longest_status = 2000;

Error not_a_socket(const std::string& value) {
  return fail(ErrorCode::config, "NOTIFY_SOCKET is \"" + wire::printable(value, 100) +
                                     "\", which is no Unix socket's address; it is for systemd to set");
}

// An absolute path, or a name in the abstract namespace, which begins with @ (sd_notify(3)).
Result<UniqueFd> connect_to(const std::string& address) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  const bool named = address.size() > 1 && (address[0] == '/' || address[0] == '@');
  if (!named || address.size() >= sizeof to.sun_path) return not_a_socket(address);
  std::memcpy(to.sun_path, address.data(), address.size());
  std::size_t length = offsetof(sockaddr_un, sun_path) + address.size();
  if (address[0] == '@') {
    to.sun_path[0] = '\0';
  } else {
    ++length;
  }
  UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto* name = reinterpret_cast<const sockaddr*>(&to);
  if (!socket || ::connect(socket.get(), name, static_cast<socklen_t>(length)) != 0)
    return fail(ErrorCode::config, with_errno("NOTIFY_SOCKET"));
  return socket;
}

Result<std::uint64_t> number(const char* variable, const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) return value;
  return fail(ErrorCode::config, std::string(variable) + " is no number; it is for systemd to set");
}

Result<std::optional<std::chrono::microseconds>> watchdog_of(const config::Environment& environment,
                                                             pid_t self) {
  const auto interval = environment("WATCHDOG_USEC");
  if (!interval) return std::optional<std::chrono::microseconds>();
  const auto length = number("WATCHDOG_USEC", *interval);
  if (!length) return length.error();
  if (const auto pid = environment("WATCHDOG_PID")) {
    const auto whose = number("WATCHDOG_PID", *pid);
    if (!whose) return whose.error();
    if (*whose != static_cast<std::uint64_t>(self)) return std::optional<std::chrono::microseconds>();
  }
  if (*length == 0) return std::optional<std::chrono::microseconds>();
  return std::optional(std::chrono::microseconds(*length));
}

}  // namespace

Result<ServiceManager> ServiceManager::of(const config::Environment& environment, pid_t self) {
  ServiceManager manager;
  const auto address = environment("NOTIFY_SOCKET");
  if (!address) return manager;
  auto socket = connect_to(*address);
  if (!socket) return socket.error();
  const auto watchdog = watchdog_of(environment, self);
  if (!watchdog) return watchdog.error();
  manager.socket_ = std::move(*socket);
  manager.watchdog_ = *watchdog;
  return manager;
}

Result<void> ServiceManager::reloading(std::chrono::nanoseconds awake_time) const {
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(awake_time);
  return tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.count()));
}

Result<void> ServiceManager::status(std::string_view line) const {
  return tell("STATUS=" + wire::printable(line, k_longest_status));
}

Result<void> ServiceManager::keep(int fd, const std::string& name) const {
  // FDPOLL=0: a memory file is always ready, and systemd is not to watch it.
  return tell("FDSTORE=1\nFDPOLL=0\nFDNAME=" + name, fd);
}

Result<void> ServiceManager::forget(const std::string& name) const {
  return tell("FDSTOREREMOVE=1\nFDNAME=" + name);
}

Result<void> ServiceManager::tell(std::string_view text, std::optional<int> fd) const {
  if (!present()) return {};
  const std::span<const int> fds = fd ? std::span<const int>(&*fd, 1) : std::span<const int>();
  if (send_with(socket_.get(), text, fds) < 0)
    return fail(ErrorCode::internal, with_errno("systemd could not be told"));
  return {};
}

}  // namespace fob::broker
