// What each kind of failure means to the refresh, question by question, for every code there is.
#include "daemon/core/failure_policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace fob::core {
namespace {

using ::testing::UnorderedElementsAre;

using enum ErrorCode;

std::vector<ErrorCode> those(const std::function<bool(ErrorCode)>& wanted) {
  std::vector<ErrorCode> found;
  for (int code = 0; code <= static_cast<int>(internal); ++code)
    if (wanted(static_cast<ErrorCode>(code))) found.push_back(static_cast<ErrorCode>(code));
  return found;
}

std::vector<ErrorCode> those(bool FailurePolicy::*question) {
  return those([&](ErrorCode code) { return policy_of(code).*question; });
}

std::vector<ErrorCode> ended_by(Change change) {
  return those([&](ErrorCode code) { return ends_wait(change, code); });
}

TEST(FailurePolicy, OnlyAPersonMendsCredentialsAndConfiguration) {
  EXPECT_THAT(those(&FailurePolicy::needs_person),
              UnorderedElementsAre(no_credential, rejected, forbidden, config));
}

TEST(FailurePolicy, RefusedIsWhatTheAuthorityWasAskedAndDoesNotTake) {
  EXPECT_THAT(those(&FailurePolicy::refused), UnorderedElementsAre(rejected, forbidden));
}

TEST(FailurePolicy, WhatManyDevicesMayShareScattersThem) {
  EXPECT_THAT(those(&FailurePolicy::shared),
              UnorderedElementsAre(rate_limited, unreachable, timeout, tls, bad_answer));
}

TEST(FailurePolicy, WhatLiesOnTheWayWouldMeetAnyCredential) {
  EXPECT_THAT(those(&FailurePolicy::any_credential),
              UnorderedElementsAre(rate_limited, unreachable, timeout, tls, clock_wrong))
      << "an authority may answer nonsense to one credential alone";
}

TEST(FailurePolicy, EachChangeEndsTheWaitsItMayMend) {
  EXPECT_THAT(ended_by(Change::network_up), UnorderedElementsAre(unreachable, timeout, tls, bad_answer));
  EXPECT_THAT(ended_by(Change::clock_set), UnorderedElementsAre(tls, clock_wrong));
  EXPECT_THAT(ended_by(Change::resumed),
              UnorderedElementsAre(unreachable, timeout, tls, bad_answer, clock_wrong))
      << "after a night both may be others";
}

}  // namespace
}  // namespace fob::core
