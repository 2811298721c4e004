#include "daemon/witness/service.hpp"

#include "daemon/witness/conversation.hpp"
#include "ipc/base/unique_fd.hpp"

#include <cerrno>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <system_error>
#include <thread>

namespace fob::witness {
namespace {

// One who connects and says nothing is let go.
constexpr timeval k_silence{60, 0};

// How many connections are served; outlives each of them.
class Presence {
 public:
  void enter() {
    const std::lock_guard lock(mutex_);
    ++present_;
  }
  void leave() {
    const std::lock_guard lock(mutex_);
    --present_;
    left_.notify_all();
  }
  bool empty() const {
    const std::lock_guard lock(mutex_);
    return present_ == 0;
  }
  void wait_for_room(std::size_t most) {
    std::unique_lock lock(mutex_);
    left_.wait(lock, [&] { return present_ < most; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable left_;
  std::size_t present_ = 0;
};

// Whether somebody connects before it is time to go.
bool await_connection(int listener, const Presence& presence, std::chrono::milliseconds idle) {
  while (true) {
    pollfd watched{listener, POLLIN, 0};
    const int ready = ::poll(&watched, 1, static_cast<int>(idle.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "poll");
    if (ready == 0 && presence.empty()) return false;
  }
}

}  // namespace

void serve(int listener, uid_t asker, HashCache& hashes, ServiceLimits limits) {
  const auto presence = std::make_shared<Presence>();
  while (await_connection(listener, *presence, limits.idle)) {
    UniqueFd connection(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection) {
      if (errno == EINTR || errno == ECONNABORTED || errno == EAGAIN) continue;
      throw std::system_error(errno, std::generic_category(), "accept");
    }
    const auto uid = asker_of(connection.get());
    if (!uid || (*uid != 0 && *uid != asker)) continue;
    ::setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &k_silence, sizeof k_silence);
    presence->enter();
    std::thread([presence, &hashes, socket = std::move(connection)] {
      converse(socket.get(), hashes);
      presence->leave();
    }).detach();
    presence->wait_for_room(limits.connections);
  }
}

}  // namespace fob::witness
