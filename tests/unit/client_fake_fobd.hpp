// A stand-in for fobd on a Unix socket: takes one connection after the other, notes what is asked, and says
// what it was told to say.
#pragma once

#include "ipc/base/unique_fd.hpp"

#include <array>
#include <cstring>
#include <filesystem>
#include <functional>
#include <mutex>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <utility>
#include <vector>

namespace fob::test {

/// A listening socket at `path`, for tests that accept nothing.
inline UniqueFd listen_at(const std::filesystem::path& path, int backlog = 16) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd.get(), backlog) != 0)
    throw std::runtime_error("cannot listen at " + path.string());
  return fd;
}

/// "HTTP/1.1 STATUS …" with a JSON body and perhaps more headers, each ending in CRLF.
inline std::string http_answer(int status, std::string_view body, std::string_view more_headers = "") {
  return "HTTP/1.1 " + std::to_string(status) +
         " Something\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + std::string(more_headers) + "\r\n" + std::string(body);
}

class FakeFobd {
 public:
  using Speak = std::function<std::string(const std::string& request)>;

  FakeFobd(const std::filesystem::path& socket, Speak speak)
      : listener_(listen_at(socket)), stop_(::eventfd(0, EFD_CLOEXEC)), speak_(std::move(speak)) {
    thread_ = std::thread([this] { serve(); });
  }
  FakeFobd(const std::filesystem::path& socket, std::string answer)
      : FakeFobd(socket, [answer = std::move(answer)](const std::string&) { return answer; }) {}
  FakeFobd(const FakeFobd&) = delete;
  FakeFobd& operator=(const FakeFobd&) = delete;
  ~FakeFobd() {
    ::eventfd_write(stop_.get(), 1);
    thread_.join();
  }

  std::vector<std::string> requests() const {
    const std::scoped_lock lock(mutex_);
    return requests_;
  }

 private:
  bool wait_for(int fd) const {
    std::array<pollfd, 2> waiting = {pollfd{stop_.get(), POLLIN, 0}, pollfd{fd, POLLIN, 0}};
    return ::poll(waiting.data(), waiting.size(), -1) > 0 && waiting[0].revents == 0;
  }

  static bool is_whole(const std::string& request) {
    const auto head = request.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    const auto length = request.find("Content-Length: ");
    return length == std::string::npos ||
           request.size() >= head + 4 + std::stoul(request.substr(length + 16));
  }

  void serve() {
    while (wait_for(listener_.get())) {
      const UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      std::string request;
      while (!is_whole(request) && wait_for(connection.get())) {
        std::array<char, 4096> chunk{};
        const ssize_t n = ::recv(connection.get(), chunk.data(), chunk.size(), 0);
        if (n <= 0) break;
        request.append(chunk.data(), static_cast<std::size_t>(n));
      }
      const std::string answer = speak_(request);
      {
        const std::scoped_lock lock(mutex_);
        requests_.push_back(request);
      }
      ::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    }
  }

  UniqueFd listener_;
  UniqueFd stop_;
  Speak speak_;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

}  // namespace fob::test
