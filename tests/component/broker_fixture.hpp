// A broker on a real loop and a manual clock, whose exchanges and promotions the test decides.
#pragma once

#include "daemon/broker/app_interface.hpp"
#include "daemon/broker/broker.hpp"
#include "daemon/broker/operator_interface.hpp"
#include "ipc/base/file.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/recorded_log.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/turns.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

namespace fob::broker {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// One more of something, while it lives.
struct Count {
  explicit Count(int& c) : count(c) { ++count; }
  Count(const Count&) = delete;
  Count& operator=(const Count&) = delete;
  ~Count() { --count; }
  int& count;
};

// Runs coroutines against a broker whose exchanges the test decides one by one.
class BrokerTest : public ::testing::Test {
 protected:
  static constexpr const char* k_config = "[profile.p]\nscopes = [\"query\"]\n";

  std::unique_ptr<Broker> make_broker(const std::string& text = k_config) {
    EXPECT_TRUE(replace_file(config_file(), text, 0600, ErrorCode::config));
    auto config = config::load(config_file());
    EXPECT_TRUE(config) << config.error().detail;
    return std::make_unique<Broker>(std::move(*config), config_file(), ::geteuid(), surroundings());
  }

  Result<void> reload_with(Broker& broker, const std::string& text) {
    EXPECT_TRUE(replace_file(config_file(), text, 0600, ErrorCode::config));
    return broker.reload();
  }

  std::filesystem::path config_file() const { return directory_.path() / "fob.toml"; }

  Surroundings surroundings() {
    return {io_.get_executor(),
            clock_,
            random_,
            logged_.log,
            [this](wire::ExchangeRequest request) { return exchange(request); },
            [] {},
            [this](std::string profile, std::uint64_t version) { return promote(profile, version); }};
  }

  // Takes a moment of the loop, as a real one would, so that requests can pile up on it.
  asio::awaitable<wire::ExchangeAnswer> exchange(wire::ExchangeRequest request) {
    asked_.push_back(request.slot);
    if (request.slot != wire::Slot::current) {
      // As the real one, which is awaited to the last once it has answered.
      co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
      co_return other_answer(request.slot);
    }
    ++exchanges_;
    const auto here = std::make_shared<Count>(at_once_);
    most_at_once_ = std::max(most_at_once_, at_once_);
    asio::steady_timer moment(io_, 5ms);
    asio::steady_timer& end = hang_ ? let_go_ : moment;
    if (pause_) co_await end.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return next_answer();
  }

  // Ends those exchanges that hang.
  void let_go() {
    hang_ = false;
    let_go_.cancel();
  }

  wire::ExchangeAnswer next_answer() {
    if (failure_) return *failure_;
    return success("token-" + std::to_string(exchanges_), current_version_);
  }

  // What is staged, and what was in force before: as a rule nothing.
  wire::ExchangeAnswer other_answer(wire::Slot slot) const {
    const Other& other = slot == wire::Slot::next ? staged_ : before_;
    if (other.failure) return *other.failure;
    return success("token-of-" + std::string(to_string(slot)), other.version);
  }

  asio::awaitable<PromotionOutcome> promote(std::string profile, std::uint64_t version) {
    promotions_.push_back(profile + " " + std::to_string(version));
    co_return promotion_;
  }

  wire::ExchangeSuccess success(std::string token, std::uint64_t version) const {
    wire::ExchangeSuccess success;
    success.access_token = std::move(token);
    success.started_boottime = clock_.boot_now().time_since_epoch() + started_offset_;
    success.expires_in = lifetime_;
    success.scopes = {"query"};
    success.credential_version = version;
    success.credential_stored_at = stored_at_;
    success.clock_skew = skew_;
    return success;
  }

  template <class T>
  T run(asio::awaitable<T> coroutine) {
    std::optional<T> outcome;
    asio::co_spawn(io_, std::move(coroutine), [&](std::exception_ptr error, T value) {
      if (error) std::rethrow_exception(error);
      outcome.emplace(std::move(value));
    });
    while (!outcome && io_.run_one() > 0) continue;
    return std::move(*outcome);
  }

  static transport::Peer ourselves() { return {::geteuid(), ::getegid(), ::getpid(), {}}; }

  Response ask(Handler handler, std::string method, std::string target, std::string body = "",
               std::string accept = "", transport::Peer peer = ourselves()) {
    Request request{std::move(method), std::move(target), std::move(accept), std::move(body),
                    std::move(peer)};
    return run(handler(std::move(request)));
  }

  // Lets the loop run until `done`, or until nothing happens any more for a while.
  void run_until(const std::function<bool()>& done) {
    while (!done() && io_.run_one_for(1s) > 0) continue;
  }

  test::TempDirectory directory_;
  test::ManualClock clock_;
  test::FixedRandom random_{0.5};
  test::RecordedLog logged_{clock_};
  asio::io_context io_{1};
  asio::steady_timer let_go_{io_, 1h};
  int exchanges_ = 0;
  int at_once_ = 0, most_at_once_ = 0;
  bool hang_ = false;
  std::chrono::milliseconds lifetime_ = 100s;
  std::chrono::nanoseconds started_offset_{};
  std::optional<std::chrono::sys_seconds> stored_at_;
  std::optional<std::chrono::milliseconds> skew_;
  bool pause_ = true;
  std::optional<wire::ExchangeFailure> failure_;

  // A slot beside the current one: a version that works, or why it does not.
  struct Other {
    std::uint64_t version;
    std::optional<wire::ExchangeFailure> failure;
  };
  static Other works(std::uint64_t version) { return {version, std::nullopt}; }
  static wire::ExchangeFailure fails(ErrorCode code, std::string detail) {
    return {code, 0, std::move(detail), std::nullopt};
  }
  static Other refused() { return {0, fails(ErrorCode::rejected, "the authority rejects it")}; }
  static Other empty() { return {0, fails(ErrorCode::no_credential, "there is none")}; }

  Other staged_ = empty(), before_ = empty();
  std::uint64_t current_version_ = 1;
  PromotionOutcome promotion_{core::Promotion::promoted, ""};
  std::vector<wire::Slot> asked_;
  std::vector<std::string> promotions_;
};

}  // namespace fob::broker
