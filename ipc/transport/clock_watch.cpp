#include "ipc/transport/clock_watch.hpp"

#include "ipc/transport/awaiting.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <cerrno>
#include <cstdint>
#include <sys/timerfd.h>
#include <unistd.h>

namespace fob::transport {
namespace asio = boost::asio;

namespace {

// Less is the time between the two looks at the clocks, or the kernel's own rounding.
constexpr std::chrono::seconds k_nap{1};

// An instant that does not come: in the 23rd century.
constexpr std::int64_t k_never = std::int64_t{1} << 33;

int make_clock_timer() {
  const int fd = ::timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (fd < 0) throw boost::system::system_error(errno, boost::system::system_category(), "timerfd_create");
  return fd;
}

void arm(int fd) {
  itimerspec spec{};
  spec.it_value.tv_sec = k_never;
  ::timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, nullptr);
}

}  // namespace

class ClockWatch::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::any_io_executor executor, const Clock& clock, std::function<void(TimeJump)> jumped)
      : timer_(executor, make_clock_timer()), clock_(clock), jumped_(std::move(jumped)), drift_(drift()) {
    arm(timer_.native_handle());
  }

  void look() {
    const auto before = std::exchange(drift_, drift());
    if (std::chrono::abs(drift_ - before) >= k_nap) jumped_(TimeJump::slept);
  }

  void close() {
    boost::system::error_code ignored;
    timer_.close(ignored);
  }

  static asio::awaitable<void> watch(std::shared_ptr<Impl> self) {
    while (self->timer_.is_open()) {
      const auto [error] =
          co_await self->timer_.async_wait(asio::posix::stream_descriptor::wait_read, k_tuple);
      if (error) co_return;
      std::uint64_t expirations = 0;
      const bool cancelled =
          ::read(self->timer_.native_handle(), &expirations, sizeof expirations) < 0 && errno == ECANCELED;
      arm(self->timer_.native_handle());
      self->look();
      if (cancelled) self->jumped_(TimeJump::clock_set);
    }
  }

 private:
  std::chrono::nanoseconds drift() const {
    return clock_.boot_now().time_since_epoch() - clock_.awake_time();
  }

  asio::posix::stream_descriptor timer_;
  const Clock& clock_;
  std::function<void(TimeJump)> jumped_;
  std::chrono::nanoseconds drift_;
};

ClockWatch::ClockWatch(asio::any_io_executor executor, const Clock& clock,
                       std::function<void(TimeJump)> jumped)
    : impl_(std::make_shared<Impl>(executor, clock, std::move(jumped))) {
  asio::co_spawn(executor, Impl::watch(impl_), asio::detached);
}

ClockWatch::~ClockWatch() { impl_->close(); }

void ClockWatch::look() { impl_->look(); }

}  // namespace fob::transport
