#include "ipc/transport/boot_timer.hpp"

#include "ipc/transport/awaiting.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <sys/timerfd.h>
#include <unistd.h>

namespace fob::transport {
namespace asio = boost::asio;

namespace {

int make_boot_timer() {
  const int fd = ::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (fd < 0) throw boost::system::system_error(errno, boost::system::system_category(), "timerfd_create");
  return fd;
}

void set(int fd, std::chrono::nanoseconds since_boot) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(since_boot);
  itimerspec spec{};
  spec.it_value.tv_sec = whole.count();
  spec.it_value.tv_nsec = (since_boot - whole).count();
  ::timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, nullptr);
}

}  // namespace

BootTimer::BootTimer(asio::any_io_executor executor) : timer_(executor, make_boot_timer()) {}

void BootTimer::arm(BootTime when) {
  // Zero would disarm; an instant already past fires at once.
  set(timer_.native_handle(), std::max(when.time_since_epoch(), std::chrono::nanoseconds(1)));
}

void BootTimer::disarm() { set(timer_.native_handle(), std::chrono::nanoseconds(0)); }

asio::awaitable<bool> BootTimer::wait() {
  while (timer_.is_open()) {
    const auto [error] = co_await timer_.async_wait(asio::posix::stream_descriptor::wait_read, k_tuple);
    if (error) co_return false;
    // A timer that was re-armed meanwhile is not readable any more: then wait on.
    std::uint64_t expirations = 0;
    if (::read(timer_.native_handle(), &expirations, sizeof expirations) == sizeof expirations)
      co_return true;
  }
  co_return false;
}

void BootTimer::close() {
  boost::system::error_code ignored;
  timer_.close(ignored);
}

}  // namespace fob::transport
