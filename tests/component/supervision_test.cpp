// fobd as a service: what its manager hears, when, and that nothing hangs on whether it listens; and what of
// the device's surroundings fobd passes on.
#include "daemon/broker/supervision.hpp"

#include "daemon/broker/surroundings_watch.hpp"
#include "tests/component/broker_fixture.hpp"
#include "tests/support/fake_manager.hpp"
#include "tests/support/limits.hpp"

#include <gmock/gmock.h>

namespace fob::broker {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class SupervisionTest : public BrokerTest {
 protected:
  // Whole messages, since the last look.
  std::vector<std::string> heard() {
    std::vector<std::string> texts;
    while (auto told = manager_.next()) texts.push_back(std::move(told->text));
    return texts;
  }
  void turn_until_heard(std::size_t messages, std::vector<std::string>& all) {
    run_until([&] {
      for (auto& text : heard()) all.push_back(std::move(text));
      return all.size() >= messages;
    });
  }
  // Until there is a token.
  std::unique_ptr<Broker> settled_broker() {
    auto broker = make_broker();
    run_until([&] { return exchanges_ == 1 && !broker->exchanging(); });
    return broker;
  }

  test::FakeManager manager_;
};

TEST_F(SupervisionTest, SaysHowItIsAndThenThatItIsReady) {
  hang_ = true;
  const auto service = manager_.seen_by();
  const auto broker = make_broker();
  Supervision supervision(io_, service, *broker, logged_.log);
  supervision.stirred();
  io_.poll();
  EXPECT_THAT(heard(), IsEmpty()) << "nothing before it serves";
  supervision.begin();
  EXPECT_THAT(heard(), ElementsAre("STATUS=p: none", "READY=1"));
}

TEST_F(SupervisionTest, SaysOnceWhatChangedHoweverMuchStirs) {
  const auto service = manager_.seen_by();
  const auto broker = settled_broker();
  Supervision supervision(io_, service, *broker, logged_.log);
  supervision.begin();
  EXPECT_THAT(heard(), Contains("STATUS=p: valid"));
  failure_ = fails(ErrorCode::unreachable, "no network");
  (void)run((*broker->keeper("p"))->refresh());
  for (int i = 0; i < 5; ++i) supervision.stirred();
  std::vector<std::string> all;
  turn_until_heard(1, all);
  supervision.stirred();
  test::turn_for(io_, 100ms);
  EXPECT_THAT(all, ElementsAre(HasSubstr("unreachable: no network")));
  EXPECT_THAT(heard(), IsEmpty()) << "it is as it was";
}

TEST_F(SupervisionTest, FeedsTheWatchdogForAsLongAsItServes) {
  const auto service = manager_.seen_by({{"WATCHDOG_USEC", "20000"}});
  const auto broker = settled_broker();
  Supervision supervision(io_, service, *broker, logged_.log);
  supervision.begin();
  std::vector<std::string> all;
  turn_until_heard(5, all);
  EXPECT_THAT(all, Contains("WATCHDOG=1").Times(testing::Ge(3)));
  supervision.stirred();
  supervision.end();
  heard();
  test::turn_for(io_, 100ms);
  EXPECT_THAT(heard(), IsEmpty()) << "nothing after the end, be it under way";
}

TEST_F(SupervisionTest, SaysWhenItReadsItsConfigurationAndWhenItEnds) {
  const auto service = manager_.seen_by();
  const auto broker = make_broker();
  Supervision supervision(io_, service, *broker, logged_.log);
  supervision.reloading(7s);
  supervision.reloaded();
  supervision.end();
  EXPECT_THAT(heard(), ElementsAre("RELOADING=1\nMONOTONIC_USEC=7000000", "READY=1", "STOPPING=1"));
}

TEST_F(SupervisionTest, AManagerThatDoesNotHearIsALineOfTheLogAndNothingElse) {
  const auto service = manager_.seen_by({{"WATCHDOG_USEC", "20000"}});
  const auto broker = settled_broker();
  Supervision supervision(io_, service, *broker, logged_.log);
  manager_.go_away();
  supervision.begin();
  test::turn_for(io_, 50ms);
  EXPECT_THAT(logged_.str(), HasSubstr("systemd could not be told"));
  EXPECT_THAT(logged_.str(), HasSubstr("FOB_EVENT=unheard-by-systemd"));
  supervision.end();
  EXPECT_EQ(ask(app_interface(*broker, clock_), "GET", "/v1/token?profile=p").status, 200);
}

TEST_F(SupervisionTest, WithoutAManagerNothingIsToldAndNothingWakes) {
  const ServiceManager nobody;
  const auto broker = make_broker("");
  Supervision supervision(io_, nobody, *broker, logged_.log);
  supervision.begin();
  supervision.stirred();
  EXPECT_EQ(io_.run(), 0U) << "a timer would be something to wait for";
  EXPECT_THAT(logged_.str(), Not(HasSubstr("unheard-by-systemd")));
}

class SurroundingsWatchTest : public BrokerTest {
 protected:
  SurroundingsWatchTest() { failure_ = fails(ErrorCode::unreachable, "no network"); }
  // One whose profile waits to try again.
  std::unique_ptr<Broker> waiting_broker() {
    auto broker = make_broker();
    run_until([&] { return exchanges_ == 1 && !broker->exchanging(); });
    return broker;
  }
};

TEST_F(SurroundingsWatchTest, ASleepIsSaidAndEndsAWait) {
  const auto broker = waiting_broker();
  SurroundingsWatch watch(io_.get_executor(), clock_, *broker, logged_.log);
  watch.look_at_clock();
  EXPECT_THAT(logged_.str(), Not(HasSubstr("asleep")));
  clock_.advance(2s);
  clock_.sleep(1h);
  failure_.reset();
  watch.look_at_clock();
  EXPECT_THAT(logged_.str(), HasSubstr("the device was asleep and is awake again"));
  run_until([&] { return exchanges_ == 2; });
  EXPECT_EQ(exchanges_, 2);
}

TEST_F(SurroundingsWatchTest, OfNetworksNobodyTellsOfIsSaidOnceAndTheProfileGoesOn) {
  if (!test::k_can_lack_descriptors) GTEST_SKIP() << "a sanitizer takes them too";
  failure_.reset();
  const auto broker = waiting_broker();
  SurroundingsWatch watch(io_.get_executor(), clock_, *broker, logged_.log);
  failure_ = fails(ErrorCode::unreachable, "no network");
  clock_.advance(101s);
  ASSERT_FALSE(run((*broker->keeper("p"))->refresh()));
  ASSERT_TRUE(broker->minds_network());
  {
    const test::FewDescriptors none;
    watch.adjust();
    const std::string once = logged_.str();
    EXPECT_THAT(once, HasSubstr("the kernel does not tell of networks"));
    watch.adjust();
    EXPECT_EQ(logged_.str(), once);
  }
  failure_.reset();
  EXPECT_TRUE(run((*broker->keeper("p"))->refresh()));
}

}  // namespace
}  // namespace fob::broker
