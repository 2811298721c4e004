// How long a token lives by the authority's clock, whatever this device's clock says: the device's clock is
// not even asked.
#include "daemon/exchanger/lifetime.hpp"

#include <gtest/gtest.h>

namespace fob::exchanger {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using std::chrono::year;

constexpr sys_seconds k_date = sys_days{year{2026} / 1 / 31} + 12h;

TEST(Lifetime, IsTheExpiryLessTheServersDateAndItsGrain) {
  EXPECT_EQ(measure_lifetime({k_date + 300s, {}, {}, k_date}).value(), 299s);
  EXPECT_EQ(measure_lifetime({k_date + 300'123ms, {}, {}, k_date}).value(), 299'123ms);
}

TEST(Lifetime, PrefersTheAbsoluteExpiryToExpiresIn) {
  EXPECT_EQ(measure_lifetime({k_date + 300s, 3600s, {}, k_date}).value(), 299s);
}

TEST(Lifetime, TakesExpiresInAsItStands) {
  EXPECT_EQ(measure_lifetime({{}, 300s, {}, k_date}).value(), 300s);
  EXPECT_EQ(measure_lifetime({{}, 300s, {}, {}}).value(), 300s);
}

TEST(Lifetime, FallsBackToTheTokensOwnTimes) {
  EXPECT_EQ(measure_lifetime({{}, {}, {k_date + 300s, k_date}, {}}).value(), 300s);
}

TEST(Lifetime, WithoutADateTheAbsoluteExpiryIsOfNoUse) {
  EXPECT_EQ(measure_lifetime({k_date + 900s, {}, {k_date + 300s, k_date}, {}}).value(), 300s);
  EXPECT_EQ(measure_lifetime({k_date + 900s, 200s, {}, {}}).value(), 200s);
  const auto nothing = measure_lifetime({k_date + 900s, {}, {k_date + 300s, {}}, {}});
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, ErrorCode::bad_answer);
  EXPECT_NE(nothing.error().detail.find("no Date header"), std::string::npos);
}

TEST(Lifetime, IsNeverLongerThanTheTokensOwnExpiryAllows) {
  EXPECT_EQ(measure_lifetime({k_date + 300'900ms, {}, {k_date + 300s, {}}, k_date}).value(), 299s);
  EXPECT_EQ(measure_lifetime({{}, 3600s, {k_date + 300s, k_date}, k_date}).value(), 299s);
  EXPECT_EQ(measure_lifetime({k_date + 200s, {}, {k_date + 300s, {}}, k_date}).value(), 199s);
}

TEST(Lifetime, ATokenThatIsDeadByItsOwnClaimIsRefusedWhateverTheAnswerSaysBesides) {
  EXPECT_FALSE(measure_lifetime({k_date + 300s, {}, {k_date + 1s, {}}, k_date}));
  EXPECT_FALSE(measure_lifetime({k_date + 300s, {}, {sys_seconds(0s), {}}, k_date}));
  EXPECT_FALSE(measure_lifetime({{}, 300s, {k_date - 3600s, {}}, k_date}));
}

TEST(Lifetime, ThatHasAlreadyEndedIsRefused) {
  for (const ExpiryFacts& facts :
       {ExpiryFacts{k_date - 3600s, {}, {}, k_date}, ExpiryFacts{k_date, {}, {}, k_date},
        ExpiryFacts{k_date + 1s, {}, {}, k_date}, ExpiryFacts{{}, 0s, {}, k_date},
        ExpiryFacts{{}, -5s, {}, {}}, ExpiryFacts{{}, {}, {k_date, k_date}, {}},
        ExpiryFacts{{}, {}, {k_date, k_date + 60s}, {}}}) {
    const auto measured = measure_lifetime(facts);
    ASSERT_FALSE(measured);
    EXPECT_NE(measured.error().detail.find("already expired"), std::string::npos);
  }
}

TEST(Lifetime, OfYearsIsNonsense) {
  EXPECT_TRUE(measure_lifetime({{}, 24h * 366, {}, {}}));
  for (const ExpiryFacts& facts :
       {ExpiryFacts{{}, 24h * 366 + 1ms, {}, {}}, ExpiryFacts{sys_days{year{9999} / 1 / 1}, {}, {}, k_date},
        ExpiryFacts{{}, {}, {k_date, sys_seconds(0s)}, {}}}) {
    const auto measured = measure_lifetime(facts);
    ASSERT_FALSE(measured);
    EXPECT_NE(measured.error().detail.find("nonsense"), std::string::npos);
  }
}

TEST(Lifetime, ThatNobodyTellsIsRefused) {
  for (const ExpiryFacts& facts :
       {ExpiryFacts{}, ExpiryFacts{{}, {}, {k_date, {}}, {}}, ExpiryFacts{{}, {}, {{}, k_date}, k_date}}) {
    const auto measured = measure_lifetime(facts);
    ASSERT_FALSE(measured);
    EXPECT_EQ(measured.error().code, ErrorCode::bad_answer);
    EXPECT_NE(measured.error().detail.find("does not say when"), std::string::npos);
  }
}

// {"exp":1769861100,"iat":1769860800} between two parts that nobody reads.
TEST(JwtTimes, AreReadFromTheMiddlePart) {
  const auto times = jwt_times("x.eyJleHAiOjE3Njk4NjExMDAsImlhdCI6MTc2OTg2MDgwMH0.y");
  EXPECT_EQ(times.exp, k_date + 300s);
  EXPECT_EQ(times.iat, k_date);
}

// {"exp":1769861100.9,"iat":1769860800.1}
TEST(JwtTimes, WithAFractionAreRoundedToTheShorterLife) {
  const auto times = jwt_times("x.eyJleHAiOjE3Njk4NjExMDAuOSwiaWF0IjoxNzY5ODYwODAwLjF9.y");
  EXPECT_EQ(times.exp, k_date + 300s);
  EXPECT_EQ(times.iat, k_date + 1s);
}

TEST(JwtTimes, OfWhatIsNoJwtAreNothing) {
  // The fourth is {"exp":"soon","iat":-1}, the fifth [1].
  for (const std::string token :
       {"", "opaque", "a.b", "x.eyJleHAiOiJzb29uIiwiaWF0IjotMX0.y", "x.WzFd.y", "x.!!.y", "..", "a.b.c.d"}) {
    EXPECT_FALSE(jwt_times(token).exp) << token;
    EXPECT_FALSE(jwt_times(token).iat) << token;
  }
  EXPECT_FALSE(jwt_times("x." + std::string(20000, 'A') + ".y").exp);
  // {"exp":1e300,"iat":-1e300}
  EXPECT_FALSE(jwt_times("x.eyJleHAiOjFlMzAwLCJpYXQiOi0xZTMwMH0.y").exp);
}

}  // namespace
}  // namespace fob::exchanger
