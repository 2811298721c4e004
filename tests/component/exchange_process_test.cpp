// Exchangers that misbehave in every way must not hurt the broker: each ends in an answer, soon and in
// bounded memory.
#include "daemon/broker/exchange_process.hpp"

#include "ipc/base/file.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/turns.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <sys/wait.h>

namespace fob::broker {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

class ExchangeProcessTest : public ::testing::Test {
 protected:
  // A stand-in for fob-exchange: a shell script.
  wire::ExchangeAnswer run_script(const std::string& script, std::vector<std::string> arguments = {}) {
    return run({write_script(script), std::move(arguments)});
  }

  wire::ExchangeAnswer run(ExchangeProgram program) {
    const Exchange exchange = exchange_by_process(io_.get_executor(), std::move(program));
    std::optional<wire::ExchangeAnswer> outcome;
    boost::asio::co_spawn(io_, exchange({"p", wire::Slot::current}),
                          [&](std::exception_ptr error, wire::ExchangeAnswer answer) {
                            if (error) std::rethrow_exception(error);
                            outcome = std::move(answer);
                          });
    io_.restart();
    io_.run();
    // Whatever happened, no child is left behind.
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
    return *outcome;
  }

  std::filesystem::path write_script(const std::string& script) {
    const auto path = directory_.path() / "exchanger";
    EXPECT_TRUE(replace_file(path, "#!/bin/sh\n" + script + "\n", 0700, ErrorCode::store));
    return path;
  }

  static wire::ExchangeFailure failure_of(const wire::ExchangeAnswer& answer) {
    EXPECT_TRUE(std::holds_alternative<wire::ExchangeFailure>(answer));
    return std::get<wire::ExchangeFailure>(answer);
  }

  test::TempDirectory directory_;
  boost::asio::io_context io_{1};
};

TEST_F(ExchangeProcessTest, PassesTheAnswerOn) {
  const auto answer = run_script(
      R"(read line; [ "$line" = '{"v":1,"profile":"p","slot":"current"}' ] || exit 1)"
      "\n"
      R"(echo '{"v":1,"ok":true,"access_token":"t","token_type":"Bearer","started_boottime_ns":1,"expires_in_ms":5,"credential_version":1}')");
  ASSERT_TRUE(std::holds_alternative<wire::ExchangeSuccess>(answer));
  EXPECT_EQ(std::get<wire::ExchangeSuccess>(answer).access_token, "t");
}

TEST_F(ExchangeProcessTest, GivesTheExchangerNoEnvironmentOfItsOwn) {
  ::setenv("FOB_TEST_LEAK", "yes", 1);
  const auto failure = failure_of(run_script(
      R"(read line; echo "{\"v\":1,\"ok\":false,\"kind\":\"config\",\"status\":0,\"detail\":\"leak=$FOB_TEST_LEAK arg=$1\"}")",
      {"--flag"}));
  EXPECT_EQ(failure.detail, "leak= arg=--flag");
}

TEST_F(ExchangeProcessTest, OneThatDiesWithoutAWordIsReported) {
  EXPECT_THAT(failure_of(run_script("exit 3")).detail, HasSubstr("exited with status 3"));
  EXPECT_THAT(failure_of(run_script("kill -9 $$")).detail, HasSubstr("ended by signal 9"));
}

TEST_F(ExchangeProcessTest, HalfALineIsNoAnswer) {
  EXPECT_EQ(failure_of(run_script(R"(read line; printf '{"v":1,"ok":')")).code, ErrorCode::bad_answer);
}

TEST_F(ExchangeProcessTest, NonsenseIsNoAnswer) {
  EXPECT_THAT(failure_of(run_script("read line; echo hello")).detail, HasSubstr("this is not JSON"));
}

TEST_F(ExchangeProcessTest, AFloodIsCutOff) {
  EXPECT_THAT(failure_of(run_script("read line; exec yes x | tr -d '\\n'")).detail,
              HasSubstr("answered more than it may"));
}

TEST_F(ExchangeProcessTest, OneThatIsStuckIsEnded) {
  const auto failure = failure_of(run({write_script("read line; exec sleep 1000"), {}, 200ms}));
  EXPECT_EQ(failure.code, ErrorCode::timeout);
  EXPECT_THAT(failure.detail, HasSubstr("said nothing for 200 ms"));
}

TEST_F(ExchangeProcessTest, OneThatDoesNotEvenReadIsEnded) {
  EXPECT_EQ(failure_of(run({write_script("exec sleep 1000"), {}, 200ms})).code, ErrorCode::timeout);
}

TEST_F(ExchangeProcessTest, OneThatTricklesIsEndedAllTheSame) {
  const auto script = write_script("read line; while :; do printf x; sleep 0.05; done");
  EXPECT_EQ(failure_of(run({script, {}, 300ms})).code, ErrorCode::timeout);
}

TEST_F(ExchangeProcessTest, OneThatIsGivenUpIsEndedAndReaped) {
  const std::string answer = R"(echo '{"v":1,"ok":false,"kind":"tls","status":0,"detail":"d"}';)";
  // Silent, or with its answer given and yet not gone: the loop must not stand still for it.
  for (const std::string& before : {std::string(), answer}) {
    const Exchange exchange = exchange_by_process(
        io_.get_executor(), {write_script("read line;" + before + "exec sleep 1000"), {}});
    boost::asio::cancellation_signal give_up;
    bool ended = false;
    auto end = [&](std::exception_ptr, const wire::ExchangeAnswer&) { ended = true; };
    boost::asio::co_spawn(io_, exchange({"p", wire::Slot::current}),
                          boost::asio::bind_cancellation_slot(give_up.slot(), end));
    io_.restart();
    test::turn_for(io_, 100ms);
    EXPECT_FALSE(ended);
    give_up.emit(boost::asio::cancellation_type::terminal);
    const auto began = std::chrono::steady_clock::now();
    while (!ended && std::chrono::steady_clock::now() - began < 10s) io_.run_for(50ms);
    EXPECT_TRUE(ended);
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD) << "a child was left behind";
  }
}

TEST_F(ExchangeProcessTest, OneThatLingersAfterItsAnswerIsEnded) {
  const auto failure = failure_of(run_script(
      R"(read line; echo '{"v":1,"ok":false,"kind":"tls","status":0,"detail":"d"}'; exec sleep 1000)"));
  EXPECT_EQ(failure.code, ErrorCode::tls);
}

TEST_F(ExchangeProcessTest, OneThatCannotBeRunIsAFaultOfTheInstallation) {
  const auto failure = failure_of(run({"/nonexistent/fob-exchange", {}}));
  EXPECT_EQ(failure.code, ErrorCode::unreachable) << "worth trying again soon: an upgrade passes";
  EXPECT_THAT(failure.detail, HasSubstr("is fob installed completely?"));
}

}  // namespace
}  // namespace fob::broker
