#include "daemon/witness/conversation.hpp"

#include "ipc/base/unique_fd.hpp"
#include "ipc/wire/limits.hpp"

#include <array>
#include <cerrno>
#include <cstring>
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

// Takes the descriptors that came along; false where they are not at most one in all.
bool take_descriptors(msghdr& message, UniqueFd& taken) {
  bool sound = (message.msg_flags & MSG_CTRUNC) == 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
      sound = sound && !taken;
      taken.reset(fd);
    }
  }
  return sound;
}

// More of the question; false at the end, or where it breaks the rules.
bool take_part(int socket, Asked& asked) {
  std::array<char, wire::k_max_witness_question + 1> bytes{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  iovec into{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &into;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t size = 0;
  do {
    size = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size <= 0) return false;
  asked.line.append(bytes.data(), static_cast<std::size_t>(size));
  return take_descriptors(message, asked.pidfd) && asked.line.size() <= wire::k_max_witness_question + 1;
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
