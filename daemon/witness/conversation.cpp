#include "daemon/witness/conversation.hpp"

#include "ipc/base/passed_descriptors.hpp"
#include "ipc/wire/limits.hpp"

#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <sys/socket.h>

namespace fob::witness {
namespace {

// A question as it came: its line, and the process it is about.
struct Asked {
  std::string line;
  UniqueFd pidfd;
};

// More of the question; false at the end, or where it breaks the rules: at most one descriptor in all.
bool take_part(int socket, Asked& asked) {
  std::array<char, wire::k_max_witness_question + 1> bytes{};
  Received part = receive_with(socket, bytes);
  if (part.size <= 0) return false;
  asked.line.append(bytes.data(), static_cast<std::size_t>(part.size));
  if (!part.all || part.fds.size() > (asked.pidfd ? 0u : 1u)) return false;
  if (!part.fds.empty()) asked.pidfd = std::move(part.fds.front());
  return asked.line.size() <= wire::k_max_witness_question + 1;
}

// Nothing may come after the newline: the next question waits for this one's answer.
std::optional<Asked> take_question(int socket) {
  Asked asked;
  while (true) {
    if (!take_part(socket, asked)) return std::nullopt;
    const auto newline = asked.line.find('\n');
    if (newline == asked.line.npos) continue;
    if (newline + 1 != asked.line.size()) return std::nullopt;
    asked.line.pop_back();
    return asked;
  }
}

bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno != EINTR) return false;
    if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool at_end(int socket) {
  char next = 0;
  return ::recv(socket, &next, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

}  // namespace

bool converse(int socket, HashCache& hashes) {
  while (true) {
    const auto asked = take_question(socket);
    if (!asked) return at_end(socket);
    const auto question = wire::decode_witness_question(asked->line);
    if (!question || !asked->pidfd) return false;
    if (!send_all(socket, encode(look(asked->pidfd.get(), *question, hashes)) + "\n")) return true;
  }
}

std::optional<uid_t> asker_of(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0 || size != sizeof credentials)
    return std::nullopt;
  return credentials.uid;
}

}  // namespace fob::witness
