// When a refused credential is an alarm, since when, and what ends it.
#include "daemon/core/refusal_alarm.hpp"

#include <gtest/gtest.h>

namespace fob::core {
namespace {

using namespace std::chrono_literals;

const WallTime k_noon{12h};

Failure a_failure(ErrorCode code, std::string detail = "") { return {code, std::move(detail), {}}; }

TEST(RefusalAlarm, BeginsWithTheFirstRefusalAndKeepsTheLatest) {
  RefusalAlarm alarm;
  EXPECT_TRUE(alarm.on_failure(a_failure(ErrorCode::rejected, "first"), false, k_noon));
  EXPECT_FALSE(alarm.on_failure(a_failure(ErrorCode::forbidden, "second"), false, k_noon + 5min));
  ASSERT_TRUE(alarm.state());
  EXPECT_EQ(alarm.state()->since, k_noon);
  EXPECT_EQ(alarm.state()->refusal.detail, "second");
}

TEST(RefusalAlarm, ACredentialThatIsMissedIsOneAndOneThatNeverWasIsNot) {
  RefusalAlarm alarm;
  EXPECT_FALSE(alarm.on_failure(a_failure(ErrorCode::no_credential), false, k_noon));
  EXPECT_FALSE(alarm.state());
  EXPECT_TRUE(alarm.on_failure(a_failure(ErrorCode::no_credential), true, k_noon));
}

TEST(RefusalAlarm, OtherFailuresNeitherBeginItNorEndIt) {
  RefusalAlarm alarm;
  EXPECT_FALSE(alarm.on_failure(a_failure(ErrorCode::unreachable), true, k_noon));
  EXPECT_FALSE(alarm.state());
  alarm.on_failure(a_failure(ErrorCode::rejected, "refused"), true, k_noon);
  EXPECT_FALSE(alarm.on_failure(a_failure(ErrorCode::timeout), true, k_noon + 1s));
  ASSERT_TRUE(alarm.state());
  EXPECT_EQ(alarm.state()->refusal.detail, "refused");
}

TEST(RefusalAlarm, EndsOnceAndMayBeginAgain) {
  RefusalAlarm alarm;
  EXPECT_FALSE(alarm.end()) << "there was none";
  alarm.on_failure(a_failure(ErrorCode::rejected), true, k_noon);
  EXPECT_TRUE(alarm.end());
  EXPECT_FALSE(alarm.state());
  EXPECT_TRUE(alarm.on_failure(a_failure(ErrorCode::rejected), true, k_noon + 1h));
  EXPECT_EQ(alarm.state()->since, k_noon + 1h);
}

}  // namespace
}  // namespace fob::core
