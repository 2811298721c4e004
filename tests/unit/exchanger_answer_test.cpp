// What each answer of an authority comes to: a token, or one kind with one sentence.
#include "daemon/exchanger/answer.hpp"
#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"

#include <gtest/gtest.h>

#include <string>
#include <tuple>

namespace fob::exchanger {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using wire::ExchangeFailure;
using wire::ExchangeSuccess;

constexpr const char* k_date = "Sat, 31 Jan 2026 12:00:00 GMT";
constexpr WallTime k_noon = std::chrono::sys_days{std::chrono::year{2026} / 1 / 31} + 12h;

config::Profile profile(config::Authority authority) {
  config::Profile profile;
  profile.name = "prod";
  profile.authority = authority;
  profile.endpoint = "https://auth.example/token";
  profile.scopes = {"query"};
  return profile;
}

HttpAnswer answer(int status, std::string body) {
  HttpAnswer answer;
  answer.status = status;
  answer.content_type = "application/json";
  answer.date = k_date;
  answer.body = std::move(body);
  return answer;
}

wire::ExchangeAnswer interpreted(const HttpAnswer& answer,
                                 config::Authority authority = config::Authority::multiset,
                                 WallTime received = k_noon) {
  return interpret(answer, profile(authority), {BootTime(5s), received, 7});
}

ExchangeSuccess success(const HttpAnswer& answer, config::Authority authority = config::Authority::multiset) {
  const auto result = interpreted(answer, authority);
  if (const auto* failure = std::get_if<ExchangeFailure>(&result)) {
    ADD_FAILURE() << failure->detail;
    return {};
  }
  return std::get<ExchangeSuccess>(result);
}

ExchangeFailure failure(const HttpAnswer& answer, config::Authority authority = config::Authority::multiset) {
  const auto result = interpreted(answer, authority);
  if (std::holds_alternative<ExchangeSuccess>(result)) {
    ADD_FAILURE() << "taken for a token: " << answer.body;
    return {};
  }
  return std::get<ExchangeFailure>(result);
}

void expect_failure(const HttpAnswer& answer, ErrorCode code, const std::string& words,
                    config::Authority authority = config::Authority::multiset) {
  const auto failed = failure(answer, authority);
  EXPECT_EQ(traits(failed.code).kind, traits(code).kind) << failed.detail;
  EXPECT_NE(failed.detail.find(words), std::string::npos) << failed.detail;
  EXPECT_EQ(failed.status, answer.status);
}

TEST(MultisetAnswer, IsATokenWithItsMeasuredLifetime) {
  const auto got = success(answer(200, R"({"token":"abc","expiresOn":"2026-01-31T12:05:00Z"})"));
  EXPECT_EQ(got.access_token, "abc");
  EXPECT_EQ(got.started_boottime, 5s);
  EXPECT_EQ(got.expires_in, 299s);
  EXPECT_EQ(got.scopes, std::vector<std::string>{"query"});
  EXPECT_EQ(got.credential_version, 7U);
  EXPECT_EQ(got.clock_skew, 0ms);
}

TEST(MultisetAnswer, MayCallItsTokenAccessTokenAndCarryANullError) {
  EXPECT_EQ(success(answer(200, R"({"access_token":"abc","expiresOn":"2026-01-31T12:05:00","error":null})"))
                .access_token,
            "abc");
  EXPECT_EQ(success(answer(201, R"({"token":null,"access_token":"abc","expires_in":60})")).access_token,
            "abc");
}

// Six shapes of expiry, a device whose clock is a day behind, right, and a day ahead.
class AnswerShapes : public testing::TestWithParam<std::tuple<std::string, int>> {};

TEST_P(AnswerShapes, GiveTheSameLifetimeWhateverTheDevicesClock) {
  const auto& [expiry, days_off] = GetParam();
  const auto result = interpreted(answer(200, R"({"token":"abc",)" + expiry + "}"),
                                  config::Authority::multiset, k_noon + 24h * days_off);
  const auto* got = std::get_if<ExchangeSuccess>(&result);
  ASSERT_NE(got, nullptr);
  // Relative ones have no grain of Date to give up.
  EXPECT_EQ(got->expires_in, expiry.find("expires_in") == std::string::npos ? 299s : 300s);
  EXPECT_EQ(got->clock_skew, milliseconds(24h * days_off));
}

INSTANTIATE_TEST_SUITE_P(
    All, AnswerShapes,
    testing::Combine(testing::Values(R"("expiresOn":"2026-01-31T12:05:00Z")",
                                     R"("expiresOn":"2026-01-31T12:05:00.000000+00:00")",
                                     R"("expiresOn":"2026-01-31T12:05:00.000")", R"("expiresAt":1769861100)",
                                     R"("expires_at":"1769861100000")", R"("expires_in":300)"),
                     testing::Values(-1, 0, 1)));

TEST(Oauth2Answer, IsAccessTokenExpiresInAndScope) {
  const auto got = success(
      answer(
          200,
          R"({"access_token":"abc","token_type":"bearer","expires_in":"300","scope":"read  write \"x\""})"),
      config::Authority::oauth2);
  EXPECT_EQ(got.expires_in, 300s);
  EXPECT_EQ(got.scopes, (std::vector<std::string>{"read", "write"}));
}

TEST(Oauth2Answer, WithoutScopeHasTheConfiguredOnes) {
  EXPECT_EQ(
      success(answer(200, R"({"access_token":"abc","expires_in":300})"), config::Authority::oauth2).scopes,
      std::vector<std::string>{"query"});
}

TEST(Oauth2Answer, DoesNotCallItsTokenToken) {
  expect_failure(answer(200, R"({"token":"abc","expires_in":300})"), ErrorCode::bad_answer, "without a token",
                 config::Authority::oauth2);
}

TEST(Answer, SaysWhenTheCredentialWasStoredUnlessTheClockWasNotSetThen) {
  const auto stored_at = [](WallTime time) {
    const auto result = interpret(answer(200, R"({"token":"abc","expires_in":300})"),
                                  profile(config::Authority::multiset), {BootTime(5s), k_noon, 7, time});
    return std::get<ExchangeSuccess>(result).credential_stored_at;
  };
  EXPECT_EQ(stored_at(k_noon + 999ms), std::chrono::floor<std::chrono::seconds>(k_noon));
  EXPECT_FALSE(stored_at(WallTime(30s))) << "1970";
  EXPECT_FALSE(stored_at(WallTime(-1ms)));
}

TEST(Answer, WithoutADateHasNoSkew) {
  auto undated = answer(200, R"({"token":"abc","expires_in":300})");
  undated.date = "yesterday";
  EXPECT_FALSE(success(undated).clock_skew);
}

TEST(Answer, StatusesMeanWhatTheBrokerActsOn) {
  const std::string body = R"({"error":"some words"})";
  expect_failure(answer(401, body), ErrorCode::rejected, "fob credential rotate prod");
  expect_failure(answer(403, body), ErrorCode::forbidden, "scopes");
  expect_failure(answer(429, body), ErrorCode::rate_limited, "fewer requests");
  expect_failure(answer(404, body), ErrorCode::bad_answer, "correct endpoint in [profile.prod]");
  expect_failure(answer(400, body), ErrorCode::bad_answer, "does not take the request");
  expect_failure(answer(500, body), ErrorCode::bad_answer, "fault of its own");
  expect_failure(answer(503, ""), ErrorCode::bad_answer, "503");
  expect_failure(answer(600, ""), ErrorCode::bad_answer, "600");
  expect_failure(answer(401, body), ErrorCode::rejected, "auth.example");
  expect_failure(answer(401, body), ErrorCode::rejected, "some words");
}

TEST(Answer, TheAuthoritysWordsAreFoundWhereverTheyStand) {
  expect_failure(answer(500, R"({"error_description":"","message":"the first"})"), ErrorCode::bad_answer,
                 "(status 500: the first)");
  expect_failure(answer(500, R"({"error":{"message":"deep inside"}})"), ErrorCode::bad_answer,
                 "(status 500: deep inside)");
  for (const std::string none :
       {R"({"error":{}})", R"({"error":{"message":5}})", R"({"error":7})", "{}", "[]"})
    expect_failure(answer(500, none), ErrorCode::bad_answer, "(status 500)");
}

TEST(Answer, WhatIsNeitherASuccessNorARedirectIsAFailure) {
  for (const int status : {100, 199, 400, 599})
    expect_failure(answer(status, R"({"token":"abc","expires_in":300})"), ErrorCode::bad_answer,
                   "(status " + std::to_string(status));
  for (const int status : {300, 399})
    expect_failure(answer(status, R"({"token":"abc","expires_in":300})"), ErrorCode::bad_answer,
                   "redirects are not followed");
  success(answer(299, R"({"token":"abc","expires_in":300})"));
}

TEST(Oauth2Answer, MayGrantNoMoreScopesThanFobTakes) {
  std::string many;
  for (int i = 0; i < 200; ++i) many += " s" + std::to_string(i);
  const auto scopes =
      success(answer(200, R"({"access_token":"abc","expires_in":300,"scope":")" + many + "\"}"),
              config::Authority::oauth2)
          .scopes;
  ASSERT_EQ(scopes.size(), wire::k_max_scopes);
  EXPECT_EQ(scopes.front(), "s0");
}

TEST(Answer, AnOauth2ServerMayRejectBy400) {
  const auto refusal = answer(400, R"({"error":"invalid_client","error_description":"no such client"})");
  expect_failure(refusal, ErrorCode::rejected, "no such client", config::Authority::oauth2);
  expect_failure(answer(400, R"({"error":"unauthorized_client"})"), ErrorCode::rejected,
                 "unauthorized_client", config::Authority::oauth2);
  expect_failure(answer(400, R"({"error":"invalid_scope"})"), ErrorCode::bad_answer, "invalid_scope",
                 config::Authority::oauth2);
  expect_failure(refusal, ErrorCode::bad_answer, "does not take the request");
}

TEST(Answer, RetryAfterIsSecondsOrADateByTheServersClockAndAtMostAnHour) {
  const auto retry_after = [](int status, const std::string& text, const std::string& date = k_date) {
    auto limited = answer(status, "");
    limited.retry_after = text;
    limited.date = date;
    return failure(limited).retry_after;
  };
  EXPECT_EQ(retry_after(429, "7"), 7s);
  EXPECT_EQ(retry_after(429, "0"), 0s);
  EXPECT_EQ(retry_after(429, "86400"), 1h);
  EXPECT_EQ(retry_after(429, "999999999999999"), 1h);
  EXPECT_EQ(retry_after(429, "Sat, 31 Jan 2026 12:01:30 GMT"), 90s);
  EXPECT_EQ(retry_after(429, "Sat, 31 Jan 2026 11:00:00 GMT"), 0s);
  EXPECT_EQ(retry_after(429, "Sun, 31 Jan 2027 11:00:00 GMT"), 1h);
  EXPECT_EQ(retry_after(429, "Sat, 31 Jan 2026 12:01:30 GMT", ""), std::nullopt);
  EXPECT_EQ(retry_after(429, ""), std::nullopt);
  EXPECT_EQ(retry_after(429, "soon"), std::nullopt);
  EXPECT_EQ(retry_after(429, "-5"), std::nullopt);
  EXPECT_EQ(retry_after(503, "9"), 9s);
  EXPECT_EQ(retry_after(401, "9"), std::nullopt);
}

TEST(Answer, ARedirectIsNamedAndNotFollowed) {
  auto redirect = answer(302, "");
  redirect.redirect = "https://other.example/token";
  expect_failure(redirect, ErrorCode::bad_answer, "redirects are not followed");
  expect_failure(redirect, ErrorCode::bad_answer,
                 "set endpoint in [profile.prod] to https://other.example/token");
  redirect.redirect = "http://portal.example/login";
  EXPECT_EQ(failure(redirect).detail.find("portal.example"), std::string::npos) << "never advise plain http";
}

TEST(Answer, ACaptivePortalsPageIsNoToken) {
  auto page = answer(200, "<!DOCTYPE html><html>Welcome to our Wi-Fi</html>");
  expect_failure(page, ErrorCode::bad_answer, "portal");
  page.content_type = "text/html; charset=utf-8";
  expect_failure(page, ErrorCode::bad_answer, "portal");
  page.body = "Welcome";
  expect_failure(page, ErrorCode::bad_answer, "portal");
}

TEST(Answer, WhatIsNoJsonObjectIsNoToken) {
  for (const std::string body : {R"({"token":"abc","expi)", "abc", "[]", "\"abc\"", "\xff\xfe",
                                 R"({"token":"a","token":"b","expires_in":5})"})
    expect_failure(answer(200, body), ErrorCode::bad_answer, "not JSON");
  expect_failure(answer(200, ""), ErrorCode::bad_answer, "nothing at all");
  expect_failure(answer(204, ""), ErrorCode::bad_answer, "nothing at all");
}

TEST(Answer, ASuccessWithAnErrorAndNoTokenIsAFailure) {
  expect_failure(answer(200, R"({"error":"account not verified"})"), ErrorCode::bad_answer,
                 "account not verified");
  expect_failure(answer(200, R"({"token":null,"error":{"message":"inner words"}})"), ErrorCode::bad_answer,
                 "inner words");
  expect_failure(answer(200, "{}"), ErrorCode::bad_answer, "without a token");
}

TEST(Answer, ATokenMustFitIntoAHeader) {
  for (const std::string token : {R"("")", R"("two words")", R"("line\nbreak")", R"("\u00e9")", "5", "{}"})
    expect_failure(answer(200, R"({"token":)" + token + R"(,"expires_in":300})"), ErrorCode::bad_answer,
                   "no HTTP header can hold");
  expect_failure(answer(200, R"({"token":")" + std::string(20000, 'a') + R"(","expires_in":300})"),
                 ErrorCode::bad_answer, "no HTTP header can hold");
}

TEST(Answer, AnotherKindOfTokenIsRefused) {
  const auto typed = [](const std::string& type) {
    return answer(200, R"({"token":"abc","expires_in":300,"token_type":)" + type + "}");
  };
  EXPECT_EQ(success(typed(R"("BEARER")")).access_token, "abc");
  EXPECT_EQ(success(typed("null")).access_token, "abc");
  expect_failure(typed(R"("DPoP")"), ErrorCode::bad_answer, "Bearer");
  expect_failure(typed("1"), ErrorCode::bad_answer, "Bearer");
}

TEST(Answer, AnExpiryThatCannotBeUsedIsRefusedWithItsReason) {
  const auto with = [](const std::string& expiry) { return answer(200, R"({"token":"abc")" + expiry + "}"); };
  expect_failure(with(""), ErrorCode::bad_answer, "does not say when");
  expect_failure(with(R"(,"expiresOn":"tomorrow")"), ErrorCode::bad_answer, "in no form that fob knows");
  expect_failure(with(R"(,"expires_in":"an hour")"), ErrorCode::bad_answer, "in no form that fob knows");
  expect_failure(with(R"(,"expiresOn":"2026-01-31T11:00:00Z")"), ErrorCode::bad_answer, "already expired");
  expect_failure(with(R"(,"expires_in":99999999)"), ErrorCode::bad_answer, "nonsense");
  EXPECT_EQ(success(with(R"(,"expires_at":"tomorrow","expires_in":300)")).expires_in, 300s);
}

TEST(Answer, EveryAnswerSurvivesTheLineToTheBroker) {
  for (const auto& one : {answer(200, R"({"token":"abc","expires_in":300})"),
                          answer(401, R"({"error":"\u0007"})"), answer(200, "\xff"), answer(429, "")})
    EXPECT_TRUE(wire::decode_exchange_answer(wire::encode(interpreted(one))));
}

}  // namespace
}  // namespace fob::exchanger
