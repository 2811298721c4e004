// A hostile or merely busy machine has no descriptor left for fobd: whatever needs one fails with what is
// wrong, leaves nothing behind, and goes well again as soon as there are some.
#include "daemon/broker/exchange_process.hpp"
#include "daemon/broker/exchange_socket.hpp"
#include "daemon/broker/kept_profiles.hpp"
#include "daemon/broker/launcher.hpp"
#include "daemon/broker/promotion.hpp"
#include "daemon/broker/witness_client.hpp"
#include "ipc/base/pidfd.hpp"
#include "tests/component/broker_fixture.hpp"
#include "tests/support/fake_manager.hpp"
#include "tests/support/fake_unit.hpp"
#include "tests/support/limits.hpp"

#include <gmock/gmock.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/wait.h>

namespace fob::broker {
namespace {

using ::testing::HasSubstr;

constexpr const char* k_too_many = "Too many open files";

class OutOfDescriptorsTest : public BrokerTest {
 protected:
  // Without a broker the loop runs out of work each time.
  template <class T>
  T run(asio::awaitable<T> coroutine) {
    io_.restart();
    return BrokerTest::run(std::move(coroutine));
  }
  // Once what is over has been let go.
  std::size_t open_descriptors() {
    io_.restart();
    io_.poll();
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                                                  std::filesystem::directory_iterator()));
  }
  std::filesystem::path script(const std::string& text) {
    const auto path = directory_.path() / "program";
    EXPECT_TRUE(replace_file(path, "#!/bin/sh\n" + text + "\n", 0700, ErrorCode::store));
    return path;
  }
  static std::string detail_of(const wire::ExchangeAnswer& answer) {
    const auto* failure = std::get_if<wire::ExchangeFailure>(&answer);
    return failure == nullptr ? "" : failure->detail;
  }
};

TEST_F(OutOfDescriptorsTest, AnExchangeByProcessIsAFailureThatSaysSo) {
  if (!test::k_can_lack_descriptors) GTEST_SKIP() << "a sanitizer takes them too";
  ExchangeProgram program;
  program.program = script("read line; echo '{}'");
  const Exchange exchange = exchange_by_process(io_.get_executor(), program);
  const auto goes_well = [&] {
    return detail_of(run(exchange({"p", wire::Slot::current}))).starts_with("fob-exchange's answer is wrong");
  };
  ASSERT_TRUE(goes_well()) << "it is asked, and its answer read";
  const std::size_t before = open_descriptors();
  std::size_t refused = 0;
  for (rlim_t more = 0; more < 3; ++more) {
    const test::FewDescriptors few(more);
    refused += detail_of(run(exchange({"p", wire::Slot::current}))).find(k_too_many) != std::string::npos;
  }
  EXPECT_GE(refused, 2U);
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "no child is left behind";
  EXPECT_TRUE(goes_well());
}

TEST_F(OutOfDescriptorsTest, AUnitThatCannotBeAskedNowIsNotTakenForMissing) {
  if (!test::k_can_lack_descriptors) GTEST_SKIP() << "a sanitizer takes them too";
  const test::FakeUnit unit(directory_.path() / "p.sock", {});
  const Exchange exchange = exchange_by_socket(io_.get_executor(), directory_.path());
  const test::FewDescriptors none;
  const auto answer = run(exchange({"p", wire::Slot::current}));
  EXPECT_EQ(std::get<wire::ExchangeFailure>(answer).code, ErrorCode::unreachable)
      << "not that there is no credential, which would be an alarm";
}

TEST_F(OutOfDescriptorsTest, APromotionIsTriedAgainLater) {
  if (!test::k_can_lack_descriptors) GTEST_SKIP() << "a sanitizer takes them too";
  PromotionProgram program;
  program.program = script("exit 0");
  const Promote promote = promote_by_process(io_.get_executor(), program);
  {
    const test::FewDescriptors none;
    const auto outcome = run(promote("p", 7));
    EXPECT_EQ(outcome.outcome, core::Promotion::failed);
    EXPECT_THAT(outcome.detail, HasSubstr(k_too_many));
  }
  EXPECT_EQ(run(promote("p", 7)).outcome, core::Promotion::promoted);
}

TEST_F(OutOfDescriptorsTest, AWitnessThatCannotBeStartedCostsAFactAndNotTheRequest) {
  if (!test::k_can_lack_descriptors) GTEST_SKIP() << "a sanitizer takes them too";
  WitnessProgram program;
  program.words = {script("while read line; do echo '{\"v\":1,\"exe\":\"/usr/bin/app\"}'; done")};
  program.rest = std::chrono::milliseconds(0);
  const Witness witness = witness_by_process(io_.get_executor(), program);
  const auto self = std::make_shared<const UniqueFd>(open_pidfd(::getpid()));
  {
    const test::FewDescriptors none;
    const auto answer = run(witness(self, {true, false}));
    ASSERT_TRUE(answer.exe);
    EXPECT_THAT(answer.exe->why_unknown, HasSubstr(k_too_many));
  }
  EXPECT_EQ(run(witness(self, {true, false})).exe->value, "/usr/bin/app");
}

TEST_F(OutOfDescriptorsTest, ALauncherIsNotStarted) {
  if (!test::k_can_lack_descriptors) GTEST_SKIP() << "a sanitizer takes them too";
  const test::FewDescriptors none;
  const auto started = Launcher::start({});
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().detail, HasSubstr(k_too_many));
}

// The one child of this process that there is.
pid_t only_child() {
  std::ifstream list("/proc/self/task/" + std::to_string(::getpid()) + "/children");
  pid_t child = -1, another = -1;
  list >> child >> another;
  return another > 0 ? -1 : child;
}

TEST_F(OutOfDescriptorsTest, ALauncherThatIsGoneIsNamedAndNotWaitedFor) {
  const auto launcher = Launcher::start({exactly({"/bin/true"})}).value();
  const pid_t child = only_child();
  if (child <= 0) GTEST_SKIP() << "this kernel does not list children";
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  for (int i = 0; i < 2; ++i) {
    const auto spawned = launcher->spawn({"/bin/true"}, STDIN_FILENO, STDOUT_FILENO);
    ASSERT_FALSE(spawned);
    EXPECT_EQ(spawned.error().code, ErrorCode::unreachable);
    EXPECT_THAT(spawned.error().detail, HasSubstr("its launcher"));
  }
}

TEST_F(OutOfDescriptorsTest, AProfileThatCannotBeKeptIsServedAllTheSame) {
  if (!test::k_can_lack_descriptors) GTEST_SKIP() << "a sanitizer takes them too";
  test::FakeManager manager;
  const auto service = manager.seen_by();
  KeptProfiles kept(service, clock_, "boot", logged_.log);
  const auto now = clock_.boot_now();
  const core::Resumption state{
      std::make_shared<core::Token>(core::Token{"abc", "", {"query"}, 3, now, now + 100s, {}}), now + 70s,
      std::nullopt, std::nullopt};
  {
    const test::FewDescriptors none;
    kept.keep("p", "for me", state);
  }
  EXPECT_THAT(logged_.str(), HasSubstr("a restart of fobd would cost an exchange"));
  EXPECT_TRUE(manager.take_in().empty());
  kept.keep("p", "for me", state);
  EXPECT_EQ(manager.take_in().size(), 1U);
}

TEST_F(OutOfDescriptorsTest, APageIsRefusedAndTheTokenIsNot) {
  if (!test::k_can_lack_descriptors) GTEST_SKIP() << "a sanitizer takes them too";
  const auto broker = make_broker();
  const Handler handler = app_interface(*broker, clock_);
  ASSERT_EQ(ask(handler, "GET", "/v1/token?profile=p").status, 200);
  const auto page = [&] {
    Request request{"GET", "/v1/token/page?profile=p", "", "", ourselves()};
    request.upgrade = "fob-page/1";
    return run(handler(std::move(request)));
  };
  const std::size_t before = open_descriptors();
  for (rlim_t more = 0; more < 2; ++more) {
    const test::FewDescriptors few(more);
    const auto response = page();
    EXPECT_EQ(response.status, 500) << more;
    EXPECT_THAT(response.body, HasSubstr(k_too_many));
    EXPECT_EQ(ask(handler, "GET", "/v1/token?profile=p").status, 200);
  }
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(page().status, 101);
}

}  // namespace
}  // namespace fob::broker
