// How long each failure makes a profile wait: the bounds, and what is drawn between them.
#include "daemon/core/backoff.hpp"

#include <gtest/gtest.h>

#include <random>

namespace fob::core {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, StaysBetweenItsBounds) {
  JitteredBackoff backoff;
  std::mt19937 generator(1);
  std::uniform_real_distribution<double> draw(0, 1);
  for (int i = 0; i < 1000; ++i) {
    const auto wait = backoff.next(draw(generator));
    EXPECT_GE(wait, 1s);
    EXPECT_LE(wait, 60s);
  }
}

TEST(Backoff, DrawsBetweenAThirdOfTheLastWaitAndThreeTimesIt) {
  JitteredBackoff backoff;
  EXPECT_EQ(backoff.next(0.5), 2s) << "the first between one second and three";
  EXPECT_EQ(backoff.next(1.0), 6s);
  EXPECT_EQ(backoff.next(0.25), 6s) << "between two and eighteen";
  EXPECT_EQ(backoff.next(1.0), 18s);
  EXPECT_EQ(backoff.next(1.0), 54s);
  EXPECT_EQ(backoff.next(1.0), 60s);
  EXPECT_EQ(backoff.next(0.0), 20s);
  EXPECT_EQ(backoff.next(0.0), 6666ms);
}

TEST(Backoff, NeverWaitsLessThanASecondAndBeginsAnewWhenReset) {
  JitteredBackoff backoff;
  EXPECT_EQ(backoff.next(0.0), 1s);
  EXPECT_EQ(backoff.next(0.0), 1s);
  EXPECT_EQ(backoff.next(1.0), 3s);
  backoff.reset();
  EXPECT_EQ(backoff.next(1.0), 3s);
}

TEST(SlowProbe, DoublesFromFiveMinutesToAnHour) {
  SlowProbe probe;
  for (const auto wait : {5min, 10min, 20min, 40min, 60min, 60min}) EXPECT_EQ(probe.next(0.0), wait);
  probe.reset();
  EXPECT_EQ(probe.next(0.0), 5min);
}

TEST(SlowProbe, IsJitteredByATenthAtMost) {
  SlowProbe probe;
  EXPECT_EQ(probe.next(1.0), 5min + 30s);
  EXPECT_EQ(probe.next(0.5), 10min + 30s) << "and the jitter does not grow with each";
}

}  // namespace
}  // namespace fob::core
