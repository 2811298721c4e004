// What a cached token costs an app over HTTP, beside what the kernel alone costs: a bare epoll echo of as
// many bytes over the same kind of socket. The pair is what counts; the figures alone are the machine's.
#include "daemon/broker/app_interface.hpp"
#include "ipc/transport/unix_listener.hpp"
#include "tests/support/temp_directory.hpp"

#include <benchmark/benchmark.h>
#include <boost/asio/io_context.hpp>
#include <spdlog/sinks/null_sink.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

namespace fob::broker {
namespace {

constexpr std::string_view k_request = "GET /v1/token HTTP/1.1\r\nHost: fob\r\n\r\n";

// A token as long as the vendor's, which lives for a day.
boost::asio::awaitable<wire::ExchangeAnswer> give_token(BootTime now) {
  wire::ExchangeSuccess success;
  success.access_token = std::string(400, 'x');
  success.started_boottime = now.time_since_epoch();
  success.expires_in = std::chrono::hours(24);
  success.credential_version = 1;
  co_return success;
}

// fobd's inside, on a thread of its own, with an authority that answers at once.
class Daemon {
 public:
  Daemon() {
    auto listener = transport::listen_at(path(), {0600, std::nullopt});
    auto config = config::parse("[profile.p]\n", "bench", "/");
    broker_ = std::make_unique<Broker>(
        std::move(config).value(), "bench", ::geteuid(),
        Surroundings{io_.get_executor(), clock_, random_, log_,
                     [this](wire::ExchangeRequest) { return give_token(clock_.boot_now()); }});
    server_ = std::make_unique<HttpServer>(io_, std::move(listener).value(), ServerLimits{16, 16},
                                           app_interface(*broker_, clock_), log_);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Daemon() {
    io_.stop();
    thread_.join();
  }

  std::string path() const { return directory_.path() / "fob.sock"; }

 private:
  test::TempDirectory directory_;
  boost::asio::io_context io_{1};
  SystemClock clock_;
  SystemRandom random_;
  spdlog::logger log_{"bench", std::make_shared<spdlog::sinks::null_sink_mt>()};
  std::unique_ptr<Broker> broker_;
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
};

UniqueFd connect_to(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fd.reset();
  return fd;
}

// One request and its answer, which is here when its last byte is.
std::size_t round_trip(int fd, std::array<char, 4096>& answer) {
  if (::send(fd, k_request.data(), k_request.size(), MSG_NOSIGNAL) < 0) return 0;
  const ssize_t size = ::recv(fd, answer.data(), answer.size(), 0);
  return size > 0 ? static_cast<std::size_t>(size) : 0;
}

std::size_t size_of_answer() {
  const Daemon daemon;
  const UniqueFd fd = connect_to(daemon.path());
  std::array<char, 4096> answer{};
  return round_trip(fd.get(), answer);
}

void cached_token(benchmark::State& state) {
  const Daemon daemon;
  const UniqueFd fd = connect_to(daemon.path());
  std::array<char, 4096> answer{};
  for (auto _ : state)
    if (round_trip(fd.get(), answer) == 0 || std::memcmp(answer.data(), "HTTP/1.1 200", 12) != 0)
      state.SkipWithError("no token");
}
BENCHMARK(cached_token)->UseRealTime();

void bare_echo(benchmark::State& state) {
  const std::string reply(size_of_answer(), 'x');
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return state.SkipWithError("socketpair");
  const UniqueFd ours(ends[0]);
  std::thread echo([&reply, theirs = UniqueFd(ends[1])] {
    const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
    epoll_event event{EPOLLIN, {}};
    ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, theirs.get(), &event);
    std::array<char, 4096> request{};
    while (::epoll_wait(epoll.get(), &event, 1, -1) >= 0 &&
           ::recv(theirs.get(), request.data(), request.size(), 0) > 0)
      ::send(theirs.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
  });
  std::array<char, 4096> answer{};
  for (auto _ : state)
    if (round_trip(ours.get(), answer) == 0) state.SkipWithError("no echo");
  ::shutdown(ours.get(), SHUT_RDWR);
  echo.join();
}
BENCHMARK(bare_echo)->UseRealTime();

}  // namespace
}  // namespace fob::broker

BENCHMARK_MAIN();
