#include "ipc/transport/peer.hpp"

#include "ipc/base/file.hpp"
#include "ipc/base/pidfd.hpp"
#include "ipc/transport/process_status.hpp"

#include <array>
#include <cerrno>
#include <sys/socket.h>

namespace fob::transport {
namespace {

// asm-generic/socket.h of Linux 6.5; the headers of Debian 12 are older.
constexpr int k_so_peerpidfd = 77;
// A process with the most groups, 65536 numbers, and the rest.
constexpr std::size_t k_max_status = 1024 * 1024;
// AppArmor's longest name and SELinux's longest context are shorter.
constexpr std::size_t k_max_label = 4096;

Result<std::vector<gid_t>> groups_of(int socket) {
  // The first call asks for nothing and is told the size.
  socklen_t bytes = 0;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, nullptr, &bytes) != 0 && errno != ERANGE)
    return fail(ErrorCode::internal, with_errno("SO_PEERGROUPS"));
  std::vector<gid_t> groups(bytes / sizeof(gid_t));
  if (bytes > 0 && ::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes) != 0)
    return fail(ErrorCode::internal, with_errno("SO_PEERGROUPS"));
  return groups;
}

// A label that cannot be read is none: a grant that names one then matches nobody.
std::optional<std::string> label_of(int socket) {
  std::array<char, k_max_label> read;
  socklen_t size = read.size();
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERSEC, read.data(), &size) != 0) return std::nullopt;
  std::string label(read.data(), size);
  while (!label.empty() && label.back() == '\0') label.pop_back();
  if (label.empty()) return std::nullopt;
  return label;
}

// Nothing where the kernel does not know this option.
std::optional<UniqueFd> told_pidfd(int socket) {
  int pidfd = -1;
  socklen_t size = sizeof pidfd;
  if (::getsockopt(socket, SOL_SOCKET, k_so_peerpidfd, &pidfd, &size) == 0) return UniqueFd(pidfd);
  if (errno == ENOPROTOOPT) return std::nullopt;
  return UniqueFd();
}

}  // namespace

UniqueFd pidfd_by_credentials(pid_t pid, uid_t uid, gid_t gid) {
  UniqueFd pidfd = open_pidfd(pid);
  if (!pidfd) return pidfd;
  const auto text = read_file("/proc/" + std::to_string(pid) + "/status", k_max_status, ErrorCode::internal);
  const auto status = text ? parse_process_status(*text) : std::nullopt;
  const bool same = status && status->uid == uid && status->gid == gid && !has_ended(pidfd.get());
  return same ? std::move(pidfd) : UniqueFd();
}

Result<Peer> peer_of(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return fail(ErrorCode::internal, with_errno("SO_PEERCRED"));
  auto groups = groups_of(socket);
  if (!groups) return groups.error();
  Peer peer{credentials.uid, credentials.gid, credentials.pid, std::move(*groups), nullptr, label_of(socket)};
  static const bool told_later = told_pidfd(socket).has_value();
  if (!told_later) hold_process(peer, socket);
  return peer;
}

void hold_process(Peer& peer, int socket) {
  if (peer.pidfd) return;
  auto told = told_pidfd(socket);
  UniqueFd pidfd = told ? std::move(*told) : pidfd_by_credentials(peer.pid, peer.uid, peer.gid);
  if (pidfd) peer.pidfd = std::make_shared<const UniqueFd>(std::move(pidfd));
}

}  // namespace fob::transport
