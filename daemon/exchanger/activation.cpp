#include "daemon/exchanger/activation.hpp"

#include "ipc/base/file.hpp"
#include "ipc/base/stderr_line.hpp"

#include <cerrno>
#include <poll.h>
#include <sys/socket.h>

namespace fob::exchanger {
namespace {

// Nothing where nobody asks for as long as that.
UniqueFd next_connection(int listener) {
  pollfd watched{listener, POLLIN, 0};
  const int ready = ::poll(&watched, 1, static_cast<int>(k_linger.count()));
  if (ready <= 0) return UniqueFd();
  return UniqueFd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
}

bool may_ask(int connection, std::optional<uid_t> user) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  if (!user || peer.uid == 0 || peer.uid == *user) return true;
  say_on_stderr("fob-exchange", Priority::warning,
                "user " + std::to_string(peer.uid) + " (process " + std::to_string(peer.pid) +
                    ") may not ask, and was not answered");
  return false;
}

}  // namespace

Result<UniqueFd> listener_among(std::vector<HandedDescriptor> handed) {
  if (handed.empty()) return UniqueFd();
  if (handed.size() > 1)
    return fail(ErrorCode::config, "systemd handed over " + std::to_string(handed.size()) +
                                       " descriptors; fob-exchange takes one listening socket");
  if (auto checked = check_listening(handed.front()); !checked) return checked.error();
  return std::move(handed.front().fd);
}

void serve_pending(int listener, std::optional<uid_t> user,
                   const std::function<void(int connection)>& serve) {
  for (int taken = 0; taken < k_most_connections; ++taken) {
    const UniqueFd connection = next_connection(listener);
    if (!connection) return;
    if (may_ask(connection.get(), user)) serve(connection.get());
  }
}

}  // namespace fob::exchanger
