#include "ipc/base/handed_descriptors.hpp"

#include "ipc/base/file.hpp"

#include <array>
#include <charconv>
#include <cstdlib>
#include <fcntl.h>
#include <string_view>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace fob {
namespace {

// By the protocol they follow stdin, stdout and stderr.
constexpr int k_first = STDERR_FILENO + 1;
// No unit of ours hands over more than its sockets and a descriptor or two for each profile.
constexpr int k_most = 4096;

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::optional<int> whole_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts;
  while (true) {
    const auto end = list.find(':');
    parts.emplace_back(list.substr(0, end));
    if (end == std::string_view::npos) return parts;
    list.remove_prefix(end + 1);
  }
}

std::optional<int> socket_option(int fd, int option) {
  int value = 0;
  socklen_t size = sizeof(value);
  if (::getsockopt(fd, SOL_SOCKET, option, &value, &size) != 0) return std::nullopt;
  return value;
}

}  // namespace

Result<std::vector<std::string>> names_of_handed(const HandedVariables& variables, pid_t self) {
  if (!variables.pid || !variables.count) return std::vector<std::string>();
  const auto pid = whole_number(*variables.pid);
  if (!pid) return fail(ErrorCode::config, "LISTEN_PID is no number; it is for systemd to set");
  if (*pid != self) return std::vector<std::string>();
  const auto count = whole_number(*variables.count);
  if (!count || *count < 1 || *count > k_most)
    return fail(ErrorCode::config,
                "LISTEN_FDS is no number from 1 to " + std::to_string(k_most) + "; it is for systemd to set");
  const auto wanted = static_cast<std::size_t>(*count);
  if (!variables.names) return std::vector<std::string>(wanted, "unknown");
  auto names = split(*variables.names);
  if (names.size() != wanted)
    return fail(ErrorCode::config, "LISTEN_FDNAMES has " + std::to_string(names.size()) +
                                       " names, and LISTEN_FDS says " + std::to_string(wanted));
  return names;
}

Result<std::vector<HandedDescriptor>> take_handed_descriptors() {
  constexpr std::array k_variables = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"};
  const HandedVariables variables{variable(k_variables[0]), variable(k_variables[1]),
                                  variable(k_variables[2])};
  for (const char* name : k_variables) ::unsetenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  auto names = names_of_handed(variables, ::getpid());
  if (!names) return names.error();
  std::vector<HandedDescriptor> handed;
  int next = k_first;
  for (auto& name : *names) {
    const int fd = next++;
    if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
      return fail(ErrorCode::config,
                  with_errno("descriptor " + std::to_string(fd) + ", which LISTEN_FDS promises"));
    handed.push_back({UniqueFd(fd), std::move(name)});
  }
  return handed;
}

Result<void> check_listening(const HandedDescriptor& handed) {
  const int fd = handed.fd.get();
  const bool is_ours = socket_option(fd, SO_DOMAIN) == AF_UNIX && socket_option(fd, SO_TYPE) == SOCK_STREAM &&
                       socket_option(fd, SO_ACCEPTCONN) == 1;
  if (is_ours) return {};
  return fail(ErrorCode::config, "descriptor " + std::to_string(fd) + " (" + handed.name +
                                     ") is not a listening Unix stream socket; its socket unit needs "
                                     "ListenStream=/… and Accept=no");
}

}  // namespace fob
