// The baseline of all that fobd serves: the least that a server on a Unix socket can do. Level-triggered
// epoll, one read and one write for each request, and it sends back what it got. Trusts its clients.
#include "tests/bench/unix_stream.hpp"

#include <array>
#include <cstdio>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

using fob::UniqueFd;

constexpr int k_backlog = 4096;

UniqueFd listen_at(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const bool listening = ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                         ::listen(fd.get(), k_backlog) == 0;
  if (!listening) fd.reset();
  return fd;
}

void add(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

void echo(int fd) {
  std::array<char, 4096> bytes;  // not initialised: nothing may cost here
  const ssize_t size = ::recv(fd, bytes.data(), bytes.size(), 0);
  if (size <= 0 || ::send(fd, bytes.data(), static_cast<std::size_t>(size), MSG_NOSIGNAL) != size)
    ::close(fd);
}

[[noreturn]] void serve(int listener) {
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  add(epoll.get(), listener);
  std::array<epoll_event, 64> events{};
  for (;;) {
    const int count = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events.at(static_cast<std::size_t>(i)).data.fd;
      if (fd == listener)
        add(epoll.get(), ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
      else
        echo(fd);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s SOCKET\n", argv[0]);
    return 2;
  }
  const UniqueFd listener = listen_at(argv[1]);
  if (!listener) {
    std::perror(argv[1]);
    return 1;
  }
  serve(listener.get());
}
