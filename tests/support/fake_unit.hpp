// Stands in for a unit behind a socket that systemd listens on: each connection is dealt with as the test
// says, one after the other; those beyond are left waiting.
#pragma once

#include "ipc/base/unique_fd.hpp"
#include "ipc/transport/unix_listener.hpp"

#include <atomic>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace fob::test {

class FakeUnit {
 public:
  using Behaviour = std::function<void(int connection)>;

  FakeUnit(const std::filesystem::path& socket, std::vector<Behaviour> behaviours)
      : listener_(transport::listen_at(socket, {0600, std::nullopt}).value()) {
    ::fcntl(listener_.get(), F_SETFL, 0);  // the thread may wait
    thread_ = std::thread([this, all = std::move(behaviours)] { serve(all); });
  }
  ~FakeUnit() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  FakeUnit(const FakeUnit&) = delete;
  FakeUnit& operator=(const FakeUnit&) = delete;

  int connections() const { return connections_; }

  /// What is said up to and with the first newline, or to the end.
  static std::string hear(int connection) {
    std::string line;
    char next = 0;
    while (line.find('\n') == std::string::npos && ::read(connection, &next, 1) == 1) line += next;
    return line;
  }
  static bool say(int connection, std::string_view text) {
    return ::send(connection, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }

  // Behaviours:
  static Behaviour answer(std::string text) {
    return [text = std::move(text)](int connection) {
      hear(connection);
      say(connection, text);
    };
  }
  /// Closed after the question was read: the other side sees an end.
  static Behaviour end() {
    return [](int connection) { hear(connection); };
  }
  /// Closed with the question unread, as systemd does with what waits: the other side sees a reset.
  static Behaviour reset() {
    return [](int connection) {
      char first = 0;
      ::recv(connection, &first, 1, MSG_PEEK);
    };
  }
  /// Says nothing until the other side has closed.
  static Behaviour silence() {
    return [](int connection) {
      while (!hear(connection).empty()) continue;
    };
  }
  static Behaviour flood() {
    return [](int connection) {
      hear(connection);
      const std::string much(4096, 'x');
      while (say(connection, much)) continue;
    };
  }

 private:
  void serve(const std::vector<Behaviour>& behaviours) {
    for (const auto& behave : behaviours) {
      const UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!connection) return;
      ++connections_;
      behave(connection.get());
    }
  }

  UniqueFd listener_;
  std::atomic<int> connections_ = 0;
  std::thread thread_;
};

}  // namespace fob::test
