// Each form in which an authority may write a time, and what comes close to one.
#include "daemon/exchanger/expiry.hpp"

#include <gtest/gtest.h>

#include <string>

namespace fob::exchanger {
namespace {

using std::chrono::milliseconds;
using wire::Json;

// 2026-01-31T12:00:00Z
constexpr WallTime k_noon = std::chrono::sys_days{std::chrono::year{2026} / 1 / 31} + std::chrono::hours(12);

struct Form {
  std::string json;
  milliseconds after_noon{};
};

class ExpiryForms : public testing::TestWithParam<Form> {};

TEST_P(ExpiryForms, AreUnderstood) {
  const auto parsed = parse_expiry(Json::parse(GetParam().json));
  ASSERT_TRUE(parsed) << GetParam().json;
  EXPECT_EQ((*parsed - k_noon).count(), GetParam().after_noon.count()) << GetParam().json;
}

INSTANTIATE_TEST_SUITE_P(
    All, ExpiryForms,
    testing::Values(Form{R"("2026-01-31T12:00:00Z")", {}}, Form{R"("2026-01-31T12:00:00z")", {}},
                    Form{R"("2026-01-31t12:00:00Z")", {}}, Form{R"("2026-01-31 12:00:00Z")", {}},
                    Form{R"("2026-01-31T12:00:00")", {}},
                    Form{R"("2026-01-31T12:00:00.5")", milliseconds(500)},
                    Form{R"("2026-01-31T12:00:00.5Z")", milliseconds(500)},
                    Form{R"("2026-01-31T12:00:00.123Z")", milliseconds(123)},
                    Form{R"("2026-01-31T12:00:00.123456+00:00")", milliseconds(123)},
                    Form{R"("2026-01-31T12:00:00.999999999Z")", milliseconds(999)},
                    Form{R"("2026-01-31T12:00:00+00:00")", {}}, Form{R"("2026-01-31T14:00:00+02:00")", {}},
                    Form{R"("2026-01-31T06:30:00-05:30")", {}}, Form{R"("2026-01-31T14:00:00+0200")", {}},
                    Form{R"("2026-02-01T00:00:00+12:00")", {}},
                    Form{R"("2026-01-31T12:00:60Z")", milliseconds(60000)}, Form{"1769860800", {}},
                    Form{"1769860800.25", milliseconds(250)}, Form{"1769860800123", milliseconds(123)},
                    Form{R"("1769860800")", {}}, Form{R"("1769860800123")", milliseconds(123)},
                    Form{R"("Sat, 31 Jan 2026 12:00:00 GMT")", {}},
                    Form{R"("Sat, 31 Jan 2026 12:00:00 UTC")", {}}));

class NoExpiry : public testing::TestWithParam<std::string> {};

TEST_P(NoExpiry, IsNothing) { EXPECT_FALSE(parse_expiry(Json::parse(GetParam()))) << GetParam(); }

INSTANTIATE_TEST_SUITE_P(
    All, NoExpiry,
    testing::Values("null", "true", "{}", "[]", R"("")", R"("soon")", "0", "-1", "1e300", "-1e300",
                    "18446744073709551615", "253402300800000", R"("-1769860800")", R"("+1769860800")",
                    R"("1769860800.25")", R"("9999999999999999")", R"("2026-01-31")",
                    R"("2026-01-31T12:00Z")", R"("2026-13-31T12:00:00Z")", R"("2026-02-30T12:00:00Z")",
                    R"("2026-01-31T24:00:00Z")", R"("2026-01-31T12:60:00Z")", R"("2026-01-31T12:00:61Z")",
                    R"("2026-01-31T12:00:00.Z")", R"("2026-01-31T12:00:00.1234567890Z")",
                    R"("2026-01-31T12:00:00,5Z")", R"("2026-01-31T12:00:00X")", R"("2026-01-31T12:00:00Z ")",
                    R"(" 2026-01-31T12:00:00Z")", R"("2026-01-31T12:00:00+2")",
                    R"("2026-01-31T12:00:00+24:00")", R"("2026-01-31T12:00:00+00:60")",
                    R"("Sat, 31 Jan 2026 12:00:00")", R"("Sat, 31 Jan 2026 12:00:00 CET")",
                    R"("31 Jan 2026 12:00:00 GMT")", R"("Sat, 31 Foo 2026 12:00:00 GMT")"));

TEST(HttpDate, IsTheOneFormThatServersMaySend) {
  EXPECT_EQ(parse_http_date("Sat, 31 Jan 2026 12:00:00 GMT"), k_noon);
  EXPECT_EQ(parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT")->time_since_epoch().count(), 0);
  for (const char* text :
       {"", "Sat, 31 Jan 2026 12:00:00 GMT ", "Saturday, 31-Jan-26 12:00:00 GMT", "Sat Jan 31 12:00:00 2026",
        "2026-01-31T12:00:00Z", "Sat, 31 Feb 2026 12:00:00 GMT"})
    EXPECT_FALSE(parse_http_date(text)) << text;
}

TEST(ExpirySeconds, AreNumbersOrDigits) {
  EXPECT_EQ(parse_seconds(Json(3600)), milliseconds(3'600'000));
  EXPECT_EQ(parse_seconds(Json(3599.9996)), milliseconds(3'599'999));
  EXPECT_EQ(parse_seconds(Json("3600")), milliseconds(3'600'000));
  EXPECT_EQ(parse_seconds(Json(0)), milliseconds(0));
  EXPECT_EQ(parse_seconds(Json(-5)), milliseconds(-5000));
  for (const auto& json : {Json("1h"), Json(""), Json(" 5"), Json(true), Json(nullptr), Json(1e300),
                           Json(-1e300), Json::array()})
    EXPECT_FALSE(parse_seconds(json)) << json;
}

}  // namespace
}  // namespace fob::exchanger
