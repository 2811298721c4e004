#include "ipc/wire/app_messages.hpp"
#include "ipc/wire/control_messages.hpp"
#include "ipc/wire/exchange_line.hpp"
#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"
#include "ipc/wire/names.hpp"
#include "ipc/wire/promotion_line.hpp"

#include <gtest/gtest.h>

namespace fob::wire {
namespace {

using namespace std::chrono_literals;

Result<TokenQuery> query(const std::string& target) {
  const auto decoded = decode_target(target);
  if (!decoded) return decoded.error();
  return decode_token_query(*decoded);
}

ExchangeSuccess a_success() {
  ExchangeSuccess success;
  success.access_token = "abc.def.ghi";
  success.started_boottime = 123456789ns;
  success.expires_in = 1799000ms;
  success.scopes = {"query", "write"};
  success.credential_version = 7;
  success.clock_skew = -250ms;
  success.credential_stored_at = std::chrono::sys_seconds(1768206600s);
  return success;
}

TEST(Names, AProfileNameIsSafeAsAFileName) {
  for (const auto* good : {"a", "prod-query", "0", "A.b_c-d"}) EXPECT_TRUE(is_profile_name(good)) << good;
  for (const auto* bad : {"", ".", "..", "-x", "_x", "a/b", "a b", "a\n", "ä", "a%2f"})
    EXPECT_FALSE(is_profile_name(bad)) << bad;
  EXPECT_TRUE(is_profile_name(std::string(64, 'x')));
  EXPECT_FALSE(is_profile_name(std::string(65, 'x')));
}

TEST(Names, ABearerTokenCannotBreakOutOfAHeader) {
  EXPECT_TRUE(is_bearer_token("abc.def-_~+/="));
  for (const auto* bad : {"", "a b", "a\r\nX: y", "a\x7f", "\xc3\xa4"})
    EXPECT_FALSE(is_bearer_token(bad)) << bad;
  EXPECT_FALSE(is_bearer_token(std::string(k_max_token + 1, 'x')));
}

TEST(TokenQuery, TakesAllItsParameters) {
  const auto q = query("/v1/token?profile=prod-query&min_ttl=2.5&wait=0");
  ASSERT_TRUE(q) << q.error().detail;
  EXPECT_EQ(q->profile, "prod-query");
  EXPECT_EQ(q->min_ttl, 2500ms);
  EXPECT_EQ(q->wait, 0ms);
}

TEST(TokenQuery, HasTheContractsDefaults) {
  const auto q = query("/v1/token");
  ASSERT_TRUE(q);
  EXPECT_FALSE(q->profile);
  EXPECT_FALSE(q->min_ttl);
  EXPECT_EQ(q->wait, 5s);
}

TEST(TokenQuery, ABareQuestionMarkIsNoParameter) { EXPECT_TRUE(query("/v1/token?")); }

TEST(TokenQuery, DecodesPercentEncoding) {
  EXPECT_EQ(query("/v1/token?profile=prod%2Dquery")->profile, "prod-query");
}

TEST(TokenQuery, RefusesWhatItDoesNotKnowAndSaysSo) {
  for (const auto* bad :
       {"/v1/token?profil=x", "/v1/token?profile=..%2Fetc", "/v1/token?profile=", "/v1/token?min_ttl=-1",
        "/v1/token?min_ttl=1e3", "/v1/token?min_ttl=", "/v1/token?min_ttl=0x10", "/v1/token?wait=61",
        "/v1/token?wait=1.2345", "/v1/token?wait=.5", "/v1/token?wait=5.", "/v1/token?wait=%205",
        "/v1/token?min_ttl=99999999999999999999", "/v1/token?profile=a&profile=a", "/v1/token?%00=1"}) {
    const auto q = query(bad);
    ASSERT_FALSE(q) << bad;
    EXPECT_EQ(q.error().code, ErrorCode::bad_request) << bad;
    EXPECT_FALSE(q.error().detail.empty()) << bad;
  }
}

TEST(Target, RefusesWhatIsNotInOriginForm) {
  for (const auto* bad : {"", "v1/token", "http://fob/v1/token", "*", "/a b", "/%zz", "/\x01"})
    EXPECT_FALSE(decode_target(bad)) << bad;
}

TEST(Target, OfTooManyParametersIsRefused) {
  std::string target = "/v1/token?p0=";
  for (int i = 1; i < 16; ++i) target += "&p" + std::to_string(i) + "=";
  EXPECT_TRUE(decode_target(target));
  const auto refused = decode_target(target + "&p16=");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().detail, "the request target has more than 16 parameters");
}

TEST(RejectedReport, NamesTheTokenByFingerprintOrByItself) {
  EXPECT_EQ(decode_rejected_report(R"({"profile":"p","fingerprint":"ba7816bf"})")->fingerprint, "ba7816bf");
  const auto report = decode_rejected_report(R"({"access_token":"abc"})");
  ASSERT_TRUE(report);
  EXPECT_EQ(report->fingerprint, "ba7816bf");
  EXPECT_FALSE(report->profile);
}

TEST(RejectedReport, RefusesEverythingElse) {
  for (const auto* bad :
       {"", "[]", "null", "{", "{}", R"({"fingerprint":"BA7816BF"})", R"({"fingerprint":"ba7816b"})",
        R"({"fingerprint":7})", R"({"fingerprint":"ba7816bf","access_token":"abc"})",
        R"({"access_token":""})", R"({"access_token":"a b"})", R"({"profile":"/","access_token":"abc"})",
        R"({"access_token":"abc","extra":1})", R"({"access_token":"abc","access_token":"abc"})"}) {
    const auto report = decode_rejected_report(bad);
    ASSERT_FALSE(report) << bad;
    EXPECT_EQ(report.error().code, ErrorCode::bad_request);
  }
}

TEST(Json, NestedTooDeepIsRefusedWithoutBeingBuilt) {
  std::string deep = "{\"a\":";
  for (int i = 0; i < 800; ++i) deep += "[";
  const auto refused = parse_object(deep, k_max_body, ErrorCode::bad_request);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("nests deeper"), std::string::npos);
}

TEST(Json, TooManyMembersAreRefusedBeforeTheyCostAnything) {
  const auto of = [](std::size_t members) {
    std::string text = "{\"list\":[{";
    for (std::size_t i = 0; i < members; ++i) text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
    return text + "}]}";
  };
  EXPECT_TRUE(parse_object(of(k_max_json_members), k_max_body, ErrorCode::bad_request));
  const auto refused = parse_object(of(k_max_json_members + 1), k_max_body, ErrorCode::bad_request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().detail, "an object of the JSON has more than 128 members");
  EXPECT_TRUE(parse_object(of(200), k_max_body, ErrorCode::bad_request, 200));
}

TEST(Json, TooLargeIsRefused) {
  const std::string large = "{\"a\":\"" + std::string(100, 'x') + "\"}";
  EXPECT_TRUE(parse_object(large, 1000, ErrorCode::bad_request));
  EXPECT_FALSE(parse_object(large, 100, ErrorCode::bad_request));
}

TEST(Json, PrintableLeavesNoControlCharacters) {
  EXPECT_EQ(printable("a\nb\x1b[31m", 64), "a b [31m");
  EXPECT_EQ(printable("cu\xc2\x9b"
                      "31mrl",
                      64),
            "cu  31mrl")
      << "CSI as one character";
  EXPECT_EQ(printable("a\xe2\x80\xae"
                      "b\xe2\x81\xa6"
                      "c\xe2\x80\xa8"
                      "d\xd8\x9c",
                      64),
            "a   b   c   d  ");
  EXPECT_EQ(printable("Zürich – 東京 €", 64), "Zürich – 東京 €");
  EXPECT_EQ(printable("\xc2", 64), "\xc2") << "bytes that are no character stay";
}

TEST(Json, PrintableCutsBetweenCharacters) {
  EXPECT_EQ(printable("aü", 2), "a");
  EXPECT_EQ(printable("a€", 3), "a");
  EXPECT_EQ(printable("a€", 4), "a€");
  EXPECT_EQ(printable("a\xf0\x9f\x94\x91", 4), "a");
  EXPECT_EQ(printable("\x80\x80\x80\x80\x80\x80\x80", 6).size(), 2U)
      << "no character is longer than four bytes";
  EXPECT_EQ(printable("abc", 0), "");
}

TEST(TokenAnswer, ComesBackAsItWent) {
  TokenAnswer answer;
  answer.access_token = "abc";
  answer.expires_in = 42s;
  answer.profile = "p";
  answer.scopes = {"query"};
  answer.fingerprint = "ba7816bf";
  const auto decoded = decode_token_answer(encode(answer));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->access_token, "abc");
  EXPECT_EQ(decoded->expires_in, 42s);
  EXPECT_EQ(decoded->scopes, answer.scopes);
}

TEST(TokenAnswer, HasTheContractsBytes) {
  TokenAnswer answer{"abc", 42s,       std::chrono::sys_days{std::chrono::year{2026} / 1 / 31},
                     "p",   {"query"}, "ba7816bf"};
  EXPECT_EQ(
      encode(answer),
      R"({"access_token":"abc","token_type":"Bearer","expires_in":42,"expires_at":"2026-01-31T00:00:00Z",)"
      R"("profile":"p","scopes":["query"],"fingerprint":"ba7816bf"})");
}

TEST(Problem, ComesBackByItsUrn) {
  const Problem back = decode_problem(403, encode(Problem{ErrorCode::not_granted, "no", {}}));
  EXPECT_EQ(back.code, ErrorCode::not_granted);
  EXPECT_EQ(back.detail, "no");
  EXPECT_EQ(decode_problem(500, "<html>").code, ErrorCode::internal);
}

TEST(ExchangeLine, ASuccessComesBackAsItWent) {
  const auto back = decode_exchange_answer(encode(ExchangeAnswer(a_success())));
  ASSERT_TRUE(back) << back.error().detail;
  const auto& success = std::get<ExchangeSuccess>(*back);
  EXPECT_EQ(success.access_token, "abc.def.ghi");
  EXPECT_EQ(success.started_boottime, 123456789ns);
  EXPECT_EQ(success.expires_in, 1799000ms);
  EXPECT_EQ(success.scopes, (std::vector<std::string>{"query", "write"}));
  EXPECT_EQ(success.credential_version, 7u);
  EXPECT_EQ(success.clock_skew, -250ms);
  EXPECT_EQ(success.credential_stored_at, std::chrono::sys_seconds(1768206600s));
}

TEST(ExchangeLine, ATokenIsNotRefusedForWhatIsOnlyForShowing) {
  const auto stored_at = [](const std::string& member) {
    std::string line = encode(ExchangeAnswer(a_success()));
    const std::string known = R"(,"credential_stored_at":1768206600)";
    line.replace(line.find(known), known.size(), member);
    const auto back = decode_exchange_answer(line);
    EXPECT_TRUE(back) << line;
    return back ? std::get<ExchangeSuccess>(*back).credential_stored_at : std::nullopt;
  };
  for (const auto* nonsense : {"", R"("2026-01-12")", "null", "-1", "0", "1577836799", "253402300800", "1e30",
                               "9223372036854775807", "18446744073709551615", "1768206600.5"})
    EXPECT_FALSE(stored_at(*nonsense == '\0' ? "" : std::string(R"(,"credential_stored_at":)") + nonsense))
        << nonsense;
  EXPECT_TRUE(stored_at(R"(,"credential_stored_at":1577836800)"));
}

TEST(ExchangeLine, AFailureComesBackAsItWent) {
  const auto back = decode_exchange_answer(
      encode(ExchangeAnswer(ExchangeFailure{ErrorCode::rate_limited, 429, "slow\ndown", 3s})));
  ASSERT_TRUE(back);
  const auto& failure = std::get<ExchangeFailure>(*back);
  EXPECT_EQ(failure.code, ErrorCode::rate_limited);
  EXPECT_EQ(failure.status, 429);
  EXPECT_EQ(failure.detail, "slow down");
  EXPECT_EQ(failure.retry_after, 3000ms);
}

TEST(ExchangeLine, ARetryAfterIsBounded) {
  const auto back = decode_exchange_answer(
      R"({"v":1,"ok":false,"kind":"rate-limited","status":429,"retry_after_ms":999999999999})");
  ASSERT_TRUE(back);
  EXPECT_EQ(std::get<ExchangeFailure>(*back).retry_after, std::chrono::milliseconds(k_max_retry_after));
}

TEST(ExchangeLine, ARequestComesBackAsItWent) {
  EXPECT_EQ(encode(ExchangeRequest{"prod-query", Slot::current}),
            R"({"v":1,"profile":"prod-query","slot":"current"})");
  const auto back = decode_exchange_request(R"({"v":1,"profile":"prod-query","slot":"next"})");
  ASSERT_TRUE(back);
  EXPECT_EQ(back->slot, Slot::next);
}

TEST(ExchangeLine, RefusesEveryWrongRequest) {
  for (const auto* bad :
       {"", "{}", R"({"v":2,"profile":"p","slot":"current"})", R"({"v":1,"profile":"../p","slot":"current"})",
        R"({"v":1,"profile":"p","slot":"later"})", R"({"v":1,"profile":"p"})",
        R"({"v":1,"profile":"p","slot":"current","endpoint":"https://evil"})"})
    EXPECT_FALSE(decode_exchange_request(bad)) << bad;
}

TEST(ExchangeLine, RefusesEveryWrongAnswer) {
  const std::string good = encode(ExchangeAnswer(a_success()));
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = good;
    const auto at = changed.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return changed.replace(at, from.size(), to);
  };
  for (const auto& bad :
       {std::string("{}"), std::string(R"({"v":1,"ok":false,"kind":"fine"})"), with("\"v\":1", "\"v\":2"),
        with("true", "1"), with("abc.def.ghi", "a b"), with("Bearer", "MAC"), with("1799000", "0"),
        with("1799000", "-5"), with("1799000", "1e99"), with("1799000", "99999999999999"),
        with("123456789", "-1"), with("\"query\"", "17"), with("\"query\"", "\"a b\""),
        good.substr(0, good.size() / 2)})
    EXPECT_FALSE(decode_exchange_answer(bad)) << bad;
}

TEST(PromotionLine, ComesBackAsItWent) {
  EXPECT_EQ(encode(PromotionRequest{"prod-query", 7}), R"({"v":1,"profile":"prod-query","version":7})");
  EXPECT_EQ(decode_promotion_request(R"({"v":1,"profile":"prod-query","version":7})").value(),
            (PromotionRequest{"prod-query", 7}));
  EXPECT_EQ(encode(PromotionAnswer{PromotionEnd::left_alone, "not\nours"}),
            R"({"v":1,"outcome":"left-alone","detail":"not ours"})");
  for (const auto outcome : {PromotionEnd::promoted, PromotionEnd::left_alone, PromotionEnd::failed}) {
    const PromotionAnswer answer{outcome, "why"};
    EXPECT_EQ(decode_promotion_answer(encode(answer)).value(), answer);
  }
  const PromotionAnswer longest{PromotionEnd::failed, std::string(k_max_detail, '\xff')};
  EXPECT_TRUE(decode_promotion_answer(encode(longest))) << "in JSON's escapes it is longer";
}

TEST(PromotionLine, RefusesEveryWrongOne) {
  for (const auto* bad :
       {"", "{}", R"({"v":2,"profile":"p","version":7})", R"({"v":1,"profile":"../p","version":7})",
        R"({"v":1,"profile":"p"})", R"({"v":1,"profile":"p","version":0})",
        R"({"v":1,"profile":"p","version":-1})", R"({"v":1,"profile":"p","version":"7"})",
        R"({"v":1,"profile":"p","version":1.5})", R"({"v":1,"profile":"p","version":99999999999999999999})",
        R"({"v":1,"profile":"p","version":7,"force":true})"})
    EXPECT_FALSE(decode_promotion_request(bad)) << bad;
  for (const auto* bad : {"", "{}", R"({"v":2,"outcome":"promoted"})", R"({"v":1,"outcome":"fine"})",
                          R"({"v":1,"outcome":true})"})
    EXPECT_FALSE(decode_promotion_answer(bad)) << bad;
}

TEST(ProfileBody, TakesOneProfileAndNothingElse) {
  EXPECT_EQ(*decode_profile_body(encode_profile_body("p")), "p");
  for (const auto* bad : {"", "{}", R"({"profile":1})", R"({"profile":"p","x":1})", R"(["p"])"})
    EXPECT_FALSE(decode_profile_body(bad)) << bad;
}

}  // namespace
}  // namespace fob::wire
