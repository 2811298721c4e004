#include "daemon/gateway/peer_user.hpp"

#include "ipc/base/unique_fd.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace fob::gateway {
namespace {

struct Question {
  nlmsghdr head;
  inet_diag_req_v2 body;
};

template <class Port>
void take_address(const sockaddr_storage& from, Port& port, __be32* words) {
  if (from.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(from);
    port = v4.sin_port;
    std::memcpy(words, &v4.sin_addr, sizeof v4.sin_addr);
  } else {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(from);
    port = v6.sin6_port;
    std::memcpy(words, &v6.sin6_addr, sizeof v6.sin6_addr);
  }
}

// The one socket whose own end is the client's.
Question question_about(const Ends& ends) {
  Question question{};
  question.head.nlmsg_len = sizeof question;
  question.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.head.nlmsg_flags = NLM_F_REQUEST;
  question.body.sdiag_family = static_cast<__u8>(ends.client.ss_family);
  question.body.sdiag_protocol = IPPROTO_TCP;
  question.body.idiag_states = ~0U;
  auto& id = question.body.id;
  take_address(ends.client, id.idiag_sport, id.idiag_src);
  take_address(ends.server, id.idiag_dport, id.idiag_dst);
  id.idiag_cookie[0] = id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return question;
}

// A socket that has no process any more (TIME_WAIT, an orphan) is shown with user 0, and has no inode.
Result<uid_t> user_in(const inet_diag_msg& told) {
  const bool open = told.idiag_state == TCP_ESTABLISHED || told.idiag_state == TCP_CLOSE_WAIT ||
                    told.idiag_state == TCP_FIN_WAIT1 || told.idiag_state == TCP_FIN_WAIT2;
  if (!open || told.idiag_inode == 0) return fail(ErrorCode::not_granted, "its client's end is closed");
  return told.idiag_uid;
}

Result<uid_t> read_answer(const char* bytes, std::size_t size) {
  nlmsghdr head{};
  if (size < sizeof head)
    return fail(ErrorCode::internal, "the kernel's table of sockets answers too little");
  std::memcpy(&head, bytes, sizeof head);
  if (head.nlmsg_type == SOCK_DIAG_BY_FAMILY && size >= NLMSG_LENGTH(sizeof(inet_diag_msg))) {
    inet_diag_msg told{};
    std::memcpy(&told, bytes + NLMSG_HDRLEN, sizeof told);
    return user_in(told);
  }
  if (head.nlmsg_type != NLMSG_ERROR || size < NLMSG_LENGTH(sizeof(nlmsgerr)))
    return fail(ErrorCode::internal, "the kernel's table of sockets answers something else");
  nlmsgerr error{};
  std::memcpy(&error, bytes + NLMSG_HDRLEN, sizeof error);
  errno = -error.error;
  return fail(errno == ENOENT ? ErrorCode::not_granted : ErrorCode::internal, with_errno("its client's end"));
}

}  // namespace

Result<uid_t> user_of(const Ends& ends) {
  const UniqueFd fd(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  const Question question = question_about(ends);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const bool asked = fd && ::sendto(fd.get(), &question, sizeof question, 0,
                                    reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) > 0;
  if (!asked) return fail(ErrorCode::internal, with_errno("the kernel's table of sockets"));
  // What the kernel answers lies there when sendto(2) returns.
  std::array<char, 8192> answer{};
  const ssize_t size = ::recv(fd.get(), answer.data(), answer.size(), MSG_DONTWAIT);
  if (size < 0) return fail(ErrorCode::internal, with_errno("the kernel's table of sockets"));
  return read_answer(answer.data(), static_cast<std::size_t>(size));
}

Result<uid_t> user_at(int socket) {
  Ends ends;
  socklen_t client = sizeof ends.client, server = sizeof ends.server;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&ends.client), &client) != 0 ||
      ::getsockname(socket, reinterpret_cast<sockaddr*>(&ends.server), &server) != 0)
    return fail(ErrorCode::not_granted, with_errno("its client's end"));
  return user_of(ends);
}

}  // namespace fob::gateway
