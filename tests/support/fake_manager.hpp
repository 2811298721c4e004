// Stands in for systemd as fobd's service manager: a real datagram socket, on which words and descriptors
// arrive.
#pragma once

#include "daemon/broker/service_manager.hpp"
#include "ipc/base/handed_descriptors.hpp"
#include "ipc/base/passed_descriptors.hpp"
#include "ipc/base/unique_fd.hpp"
#include "tests/support/temp_directory.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace fob::test {

struct Told {
  std::string text;
  UniqueFd fd;
};

/// Hears what is told to NOTIFY_SOCKET, and keeps the descriptors that come along.
class FakeManager {
 public:
  FakeManager() {
    socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }

  /// As when systemd does not listen any more.
  void go_away() { socket_.reset(); }

  std::string path() const { return (directory_.path() / "notify").string(); }

  broker::ServiceManager seen_by(std::map<std::string, std::string> more = {}) const {
    more["NOTIFY_SOCKET"] = path();
    auto manager = broker::ServiceManager::of(
        [more](const char* name) -> std::optional<std::string> {
          const auto found = more.find(name);
          if (found == more.end()) return std::nullopt;
          return found->second;
        },
        ::getpid());
    EXPECT_TRUE(manager) << manager.error().detail;
    return std::move(*manager);
  }

  std::optional<Told> next() {
    std::array<char, 4096> text{};
    Received received = receive_with(socket_.get(), text, MSG_DONTWAIT);
    if (received.size < 0) return std::nullopt;
    Told told{{text.data(), static_cast<std::size_t>(received.size)}, UniqueFd()};
    if (!received.fds.empty()) told.fd = std::move(received.fds.front());
    return told;
  }

  /// Waits until one begins with `words`; all that came up to then, or until nothing comes any more.
  std::vector<std::string> wait_for(const std::string& words) {
    constexpr int k_patience_ms = 60'000;  // a sanitizer's build on a busy machine
    std::vector<std::string> texts;
    pollfd watched{socket_.get(), POLLIN, 0};
    while (::poll(&watched, 1, k_patience_ms) > 0) {
      auto told = next();
      if (!told) continue;
      texts.push_back(std::move(told->text));
      if (texts.back().starts_with(words)) break;
    }
    return texts;
  }

  // Takes in what was told; what the descriptor store holds then comes back to the next fobd.
  std::vector<std::string> take_in() {
    std::vector<std::string> words;
    while (auto told = next()) {
      words.push_back(told->text.substr(0, told->text.find('\n')));
      const auto named = told->text.find("FDNAME=");
      if (named == std::string::npos) continue;
      const std::string name = told->text.substr(named + 7);
      if (told->text.starts_with("FDSTORE=1")) store_.push_back({std::move(told->fd), name});
      if (told->text.starts_with("FDSTOREREMOVE=1"))
        std::erase_if(store_, [&](const HandedDescriptor& kept) { return kept.name == name; });
    }
    return words;
  }

  std::vector<HandedDescriptor> hand_over() const {
    std::vector<HandedDescriptor> handed;
    for (const auto& kept : store_) handed.push_back({UniqueFd(::dup(kept.fd.get())), kept.name});
    return handed;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& kept : store_) names.push_back(kept.name);
    return names;
  }

 private:
  test::TempDirectory directory_;
  UniqueFd socket_;
  std::vector<HandedDescriptor> store_;
};

}  // namespace fob::test
