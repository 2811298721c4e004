#include "daemon/gateway/answers.hpp"
#include "ipc/wire/json.hpp"

#include <gtest/gtest.h>

namespace fob::gateway {
namespace {

using namespace std::chrono_literals;

const config::Gateway k_listener = [] {
  config::Gateway gateway;
  gateway.client_id = "device";
  gateway.client_secret = "none";
  return gateway;
}();
// "device:none"
constexpr const char* k_pair = "ZGV2aWNlOm5vbmU=";

wire::Json body_of(const Answer& answer) { return wire::Json::parse(answer.body); }

TEST(GatewayAnswers, KnowThePairByTheHeader) {
  EXPECT_TRUE(has_pair(k_listener, std::string("Basic ") + k_pair));
  EXPECT_TRUE(has_pair(k_listener, std::string("bAsIc ") + k_pair));
  for (const std::string header :
       {"", "Basic", "Basic ", "Basic x", "Bearer ZGV2aWNlOm5vbmU=", "Basic  ZGV2aWNlOm5vbmU=",
        "Basic ZGV2aWNlOm5vbmU", "Basic ZGV2aWNlOm5vbmU=="})
    EXPECT_FALSE(has_pair(k_listener, header)) << header;
}

TEST(GatewayAnswers, KnowThePairByTheForm) {
  const auto has = [](std::string_view form) { return has_pair_in_form(k_listener, "", form); };
  EXPECT_TRUE(*has("grant_type=client_credentials&client_id=device&client_secret=none"));
  EXPECT_TRUE(*has("client_secret=n%6fne&client_id=device&grant_type=client_credentials&scope=a+b"));
  EXPECT_FALSE(*has("grant_type=client_credentials&client_id=device"));
  EXPECT_FALSE(*has("grant_type=client_credentials"));
  EXPECT_FALSE(has("grant_type=password&client_id=device&client_secret=none"));
  EXPECT_FALSE(has(""));
  EXPECT_FALSE(has("grant_type=%zz"));
  EXPECT_FALSE(*has_pair_in_form(k_listener, "Basic x",
                                 "grant_type=client_credentials&client_id=device&client_secret=none"))
      << "who says two pairs means the header's";
}

TEST(GatewayAnswers, TellATokensEndByTheWallClock) {
  const BootTime now{1000s};
  const Token token{"abc", now + 90s + 400ms};
  const WallTime wall{std::chrono::sys_days{std::chrono::year{2026} / 11 / 26}};
  EXPECT_EQ(body_of(token_answer(token, now, wall)),
            (wire::Json{{"token", "abc"}, {"expiresOn", "2026-11-26T00:01:30Z"}}));
  EXPECT_EQ(body_of(oauth_answer(token, now)),
            (wire::Json{{"access_token", "abc"}, {"token_type", "Bearer"}, {"expires_in", 90}}));
  EXPECT_EQ(body_of(oauth_answer(token, now + 100s))["expires_in"], 0) << "never less than nothing";
}

TEST(GatewayAnswers, SayWhatToDoAboutAFailure) {
  const Answer away = failure({ErrorCode::daemon_not_running, "fobd is not running"});
  EXPECT_EQ(away.status, 503);
  EXPECT_EQ(away.retry_after, 1s);
  EXPECT_EQ(body_of(away)["error"], "fobd is not running");
  EXPECT_EQ(failure({ErrorCode::not_granted, "no grant"}).status, 503)
      << "the app did nothing wrong; the device's setup did";
  EXPECT_EQ(refusal(401, "x").challenge, "Basic realm=\"fob-gateway\"");
}

}  // namespace
}  // namespace fob::gateway
