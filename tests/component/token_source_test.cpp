// libfob's inside against fobd's, in one process: many threads that ask, while tokens change and fobd comes
// and goes.
#include "ipc/client/token_source.hpp"

#include "daemon/broker/app_interface.hpp"
#include "daemon/broker/broker.hpp"
#include "ipc/base/file.hpp"
#include "ipc/transport/unix_listener.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/temp_directory.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <fcntl.h>
#include <future>
#include <poll.h>
#include <thread>
#include <unistd.h>

namespace fob::client {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

std::array<int, 2> pipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  return ends;
}

// A fobd on a thread of its own, whose tokens are numbered.
class Daemon {
 public:
  Daemon(const std::filesystem::path& directory, std::atomic<int>& tokens)
      : directory_(directory), tokens_(tokens) {
    EXPECT_TRUE(replace_file(directory / "fob.toml", "[profile.p]\n", 0600, ErrorCode::config));
    std::promise<void> ready;
    thread_ = std::thread([this, &ready] { live(ready); });
    ready.get_future().wait();
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon() {
    tell('e');
    thread_.join();
  }

  void refresh() { tell('r'); }

 private:
  // Asio's things are for one thread, so what another one wants comes by a pipe.
  void tell(char wish) { EXPECT_EQ(::write(wishes_.get(), &wish, 1), 1); }

  void hear() {
    heard_.async_read_some(asio::buffer(&wish_, 1), [this](const auto& error, std::size_t) {
      if (error || wish_ == 'e') return io_.stop();
      asio::co_spawn(io_, (*broker_->keeper("p"))->refresh(), asio::detached);
      hear();
    });
  }

  void live(std::promise<void>& ready) {
    auto config = config::load(directory_ / "fob.toml");
    ASSERT_TRUE(config);
    broker_ = std::make_unique<broker::Broker>(std::move(*config), directory_ / "fob.toml", ::geteuid(),
                                               surroundings());
    auto listener = transport::listen_at(directory_ / "fob.sock", {0600, std::nullopt});
    ASSERT_TRUE(listener);
    {
      const broker::ServerLimits limits{.connections = 256, .connections_per_uid = 256};
      const broker::HttpServer server(io_, std::move(*listener), limits,
                                      broker::app_interface(*broker_, clock_), log_);
      hear();
      ready.set_value();
      io_.run();
    }
    broker_.reset();
  }

  broker::Surroundings surroundings() {
    return {io_.get_executor(), clock_, random_, log_,
            [this](wire::ExchangeRequest request) { return exchange(request); }};
  }

  asio::awaitable<wire::ExchangeAnswer> exchange(wire::ExchangeRequest request) {
    if (request.slot != wire::Slot::current)
      co_return wire::ExchangeFailure{ErrorCode::no_credential, 0, "there is none", std::nullopt};
    wire::ExchangeSuccess success;
    success.access_token = "token-" + std::to_string(++tokens_);
    success.started_boottime = clock_.boot_now().time_since_epoch();
    success.expires_in = 100s;
    success.credential_version = 1;
    co_return success;
  }

  std::filesystem::path directory_;
  std::atomic<int>& tokens_;
  SystemClock clock_;
  test::FixedRandom random_{0.5};
  Log log_{clock_, [](auto&&...) {}};
  std::unique_ptr<broker::Broker> broker_;
  asio::io_context io_{1};
  std::array<int, 2> ends_ = pipe();
  UniqueFd wishes_{ends_[1]};
  asio::posix::stream_descriptor heard_{io_, ends_[0]};
  char wish_ = 0;
  std::thread thread_;
};

class TokenSourceTest : public testing::Test {
 protected:
  std::unique_ptr<TokenSource> open() {
    auto source = TokenSource::open("p", (directory_.path() / "fob.sock").string(), clock_);
    EXPECT_TRUE(source);
    return std::move(*source);
  }

  static std::string get(TokenSource& source, std::chrono::milliseconds wait = 5s) {
    std::array<char, 64> token{};
    const auto held = source.get(std::nullopt, wait, token);
    if (!held) return "error: " + held.error().detail;
    return {token.data(), held->length};
  }

  void start() { daemon_ = std::make_unique<Daemon>(directory_.path(), tokens_); }

  test::TempDirectory directory_;
  SystemClock clock_;
  std::atomic<int> tokens_ = 0;
  std::unique_ptr<Daemon> daemon_;
};

TEST_F(TokenSourceTest, FollowsEachNewTokenAndEachNewDaemon) {
  start();
  const auto source = open();
  EXPECT_EQ(get(*source), "token-1");
  std::uint64_t seen = source->change();
  for (int number = 2; number < 5; ++number) {
    daemon_->refresh();
    while (get(*source) != "token-" + std::to_string(number)) {
      const auto next = source->wait(seen, 5s);
      ASSERT_TRUE(next);
      seen = *next;
    }
  }
  daemon_.reset();
  EXPECT_EQ(get(*source), "token-4") << "what is left is as good as it was";
  start();
  while (get(*source) != "token-5") ASSERT_TRUE(source->wait(std::exchange(seen, source->change()), 5s));
}

TEST_F(TokenSourceTest, TellsTheLengthWhereTheBufferIsTooSmall) {
  start();
  const auto source = open();
  std::array<char, 6> small{};
  const auto by_request = source->get(std::nullopt, 5s, small);
  ASSERT_TRUE(by_request);
  EXPECT_FALSE(by_request->fits);
  EXPECT_EQ(by_request->length, 7U);
  HeldToken by_page;
  while (!source->get_at_once(std::nullopt, small, by_page)) get(*source);
  EXPECT_FALSE(by_page.fits);
  EXPECT_EQ(by_page.length, 7U);
  EXPECT_EQ(small, (std::array<char, 6>{})) << "a part of a token is of no use to anybody";
}

TEST_F(TokenSourceTest, SaysThatNobodyIsThere) {
  const auto source = open();
  EXPECT_TRUE(get(*source, 0ms).starts_with("error: fobd is not running"));
  EXPECT_FALSE(source->wait(source->change(), 30ms));
}

TEST_F(TokenSourceTest, ServesManyThreadsWhileTokensChangeAndTheDaemonIsRestarted) {
  start();
  const auto source = open();
  std::atomic<bool> over = false;
  std::atomic<int> errors = 0, told = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      while (!over)
        if (!get(*source).starts_with("token-")) ++errors;
    });
  threads.emplace_back([&] {
    std::uint64_t seen = 0;
    while (!over)
      if (const auto next = source->wait(seen, 20ms)) {
        seen = *next;
        ++told;
      }
  });
  threads.emplace_back([&] {
    pollfd told_of{source->descriptor(), POLLIN, 0};
    EXPECT_GE(told_of.fd, 0);
    while (!over) {
      // As an app's loop does. One that acknowledges without a pause keeps the lock from all others.
      ::poll(&told_of, 1, 1);
      source->acknowledge();
    }
  });
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 5; ++i) {
      daemon_->refresh();
      std::this_thread::sleep_for(5ms);
    }
    daemon_.reset();
    start();
  }
  // Where the machine is busy, one look may find what five changes did.
  while (told < 5) {
    daemon_->refresh();
    std::this_thread::sleep_for(5ms);
  }
  over = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(errors, 0);
}

TEST_F(TokenSourceTest, RefusesNamesAndPathsThatCannotBe) {
  EXPECT_EQ(TokenSource::open("../x", "/run/fob/fob.sock", clock_).error().code, ErrorCode::usage);
  EXPECT_EQ(TokenSource::open(std::nullopt, std::string(200, 'x'), clock_).error().code, ErrorCode::usage);
  EXPECT_EQ(TokenSource::open(std::nullopt, "", clock_).error().code, ErrorCode::usage);
}

}  // namespace
}  // namespace fob::client
