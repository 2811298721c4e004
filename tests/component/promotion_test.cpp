// Whatever becomes of `fob credential promote`, the broker hears of it within a bounded time, and no child is
// left behind.
#include "daemon/broker/promotion.hpp"

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

class PromotionTest : public ::testing::Test {
 protected:
  PromotionOutcome run_script(const std::string& script) { return run({write_script(script), {}}); }

  PromotionOutcome run(PromotionProgram program) {
    const Promote promote = promote_by_process(io_.get_executor(), std::move(program));
    std::optional<PromotionOutcome> outcome;
    boost::asio::co_spawn(io_, promote("p", 7), [&](std::exception_ptr error, PromotionOutcome known) {
      if (error) std::rethrow_exception(error);
      outcome = std::move(known);
    });
    io_.restart();
    io_.run();
    expect_no_child();
    return *outcome;
  }

  static void expect_no_child() {
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD) << "a child was left behind";
  }

  std::filesystem::path write_script(const std::string& script) {
    const auto path = directory_.path() / "fob";
    EXPECT_TRUE(replace_file(path, "#!/bin/sh\n" + script + "\n", 0700, ErrorCode::store));
    return path;
  }

  test::TempDirectory directory_;
  boost::asio::io_context io_{1};
};

TEST_F(PromotionTest, NamesTheProfileAndTheVersionThatWasTried) {
  const auto said = directory_.path() / "said";
  const auto script = write_script("echo \"$@\" > " + said.string());
  EXPECT_EQ(run({script, {"--config", "c.toml", "--state-dir", "s"}}).outcome, core::Promotion::promoted);
  EXPECT_EQ(*read_file(said, 1000, ErrorCode::store),
            "--config c.toml --state-dir s credential promote p --version 7 --if-untested\n");
}

TEST_F(PromotionTest, GivesItNothingToReadAndNoEnvironmentOfItsOwn) {
  ::setenv("FOB_TEST_LEAK", "yes", 1);
  EXPECT_EQ(run_script("read line && exit 1; [ -z \"$FOB_TEST_LEAK\" ]").outcome, core::Promotion::promoted);
}

TEST_F(PromotionTest, OneThatIsNotToBePromotedIsLeftAlone) {
  EXPECT_EQ(run_script("exit 5").outcome, core::Promotion::left_alone);
}

TEST_F(PromotionTest, AnyOtherEndIsAFailure) {
  for (const auto* script : {"exit 1", "exit 8"}) {
    const auto outcome = run_script(script);
    EXPECT_EQ(outcome.outcome, core::Promotion::failed);
    EXPECT_THAT(outcome.detail, HasSubstr("exited with status"));
  }
  EXPECT_THAT(run_script("kill -9 $$").detail, HasSubstr("ended by signal 9"));
  EXPECT_THAT(run({"/nonexistent/fob", {}}).detail, HasSubstr("is fob installed completely?"));
}

TEST_F(PromotionTest, OneThatIsStuckIsEnded) {
  const auto outcome = run({write_script("exec sleep 1000"), {}, 200ms});
  EXPECT_EQ(outcome.outcome, core::Promotion::failed);
  EXPECT_THAT(outcome.detail, HasSubstr("ended by signal 9"));
}

TEST_F(PromotionTest, OneThatIsGivenUpIsEndedAndReaped) {
  const Promote promote = promote_by_process(io_.get_executor(), {write_script("exec sleep 1000"), {}});
  boost::asio::cancellation_signal give_up;
  bool ended = false;
  auto end = [&](std::exception_ptr, const PromotionOutcome&) { ended = true; };
  boost::asio::co_spawn(io_, promote("p", 7), boost::asio::bind_cancellation_slot(give_up.slot(), end));
  test::turn_for(io_, 100ms);
  EXPECT_FALSE(ended);
  give_up.emit(boost::asio::cancellation_type::terminal);
  io_.run();
  EXPECT_TRUE(ended);
  expect_no_child();
}

}  // namespace
}  // namespace fob::broker
