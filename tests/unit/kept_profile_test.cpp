#include "ipc/wire/kept_profile.hpp"

#include "ipc/wire/json.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace fob::wire {
namespace {

using namespace std::chrono_literals;

KeptProfile a_kept_profile() {
  KeptProfile kept{"prod-query", "a-boot", "somebody's, for something", std::nullopt, std::nullopt};
  kept.token = KeptToken{"abc.def",
                         {"query", "map"},
                         7,
                         BootTime(1h),
                         BootTime(1h + 300s),
                         BootTime(1h + 240s),
                         std::chrono::sys_seconds(1768206600s)};
  kept.wait = KeptWait{BootTime(1h + 250s), ErrorCode::rate_limited, "asked to wait", true};
  return kept;
}

Result<KeptProfile> decoded_after(const std::function<void(Json&)>& change) {
  Json json = Json::parse(encode(a_kept_profile()));
  change(json);
  return decode_kept_profile(json.dump());
}

TEST(KeptProfile, ComesBackAsItWasKept) {
  const auto back = decode_kept_profile(encode(a_kept_profile()));
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(back->profile, "prod-query");
  EXPECT_EQ(back->boot_id, "a-boot");
  EXPECT_EQ(back->purpose, "somebody's, for something");
  ASSERT_TRUE(back->token);
  EXPECT_EQ(back->token->access_token, "abc.def");
  EXPECT_EQ(back->token->scopes, (std::vector<std::string>{"query", "map"}));
  EXPECT_EQ(back->token->credential_version, 7U);
  EXPECT_EQ(back->token->started, BootTime(1h));
  EXPECT_EQ(back->token->deadline, BootTime(1h + 300s));
  EXPECT_EQ(back->token->due, BootTime(1h + 240s));
  EXPECT_EQ(back->token->credential_stored_at, std::chrono::sys_seconds(1768206600s));
  ASSERT_TRUE(back->wait);
  EXPECT_EQ(back->wait->until, BootTime(1h + 250s));
  EXPECT_EQ(back->wait->code, ErrorCode::rate_limited);
  EXPECT_EQ(back->wait->detail, "asked to wait");
  EXPECT_TRUE(back->wait->authority_asked);
}

TEST(KeptProfile, OfAFobdThatDidNotKeepTheCredentialsAgeIsAsGood) {
  const auto back = decoded_after([](Json& json) { json["token"].erase("credential_stored_at"); });
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_FALSE(back->token->credential_stored_at);
  EXPECT_EQ(back->token->access_token, "abc.def");
}

TEST(KeptProfile, OfAnotherVersionIsRefused) {
  EXPECT_FALSE(decoded_after([](Json& json) { json["fob_kept_profile"] = 2; }));
}

TEST(KeptProfile, WithNothingInItIsRefused) {
  EXPECT_FALSE(decoded_after([](Json& json) {
    json.erase("token");
    json.erase("wait");
  }));
}

TEST(KeptProfile, ThatMakesNoSenseIsRefused) {
  const std::vector<std::function<void(Json&)>> changes = {
      [](Json& json) { json["profile"] = "../etc"; },
      [](Json& json) { json["more"] = 1; },
      [](Json& json) { json["token"] = "abc"; },
      [](Json& json) { json["wait"] = 5; },
      [](Json& json) { json["purpose"] = std::string(70'000, 'x'); },
      [](Json& json) { json["token"]["access_token"] = "two words"; },
      [](Json& json) { json["token"]["access_token"] = ""; },
      [](Json& json) { json["token"]["scopes"] = {"a\"b"}; },
      [](Json& json) { json["token"]["credential_version"] = -1; },
      [](Json& json) { json["token"]["started_boottime_ns"] = -1; },
      [](Json& json) { json["token"]["credential_stored_at"] = "2026-01-12T08:30:00Z"; },
      [](Json& json) { json["token"]["credential_stored_at"] = nullptr; },
      [](Json& json) { json["token"]["credential_stored_at"] = 1'000'000'000; },
      [](Json& json) { json["token"]["credential_stored_at"] = 9'000'000'000'000'000'000; },
      [](Json& json) { json["token"]["deadline_boottime_ns"] = 5; },
      [](Json& json) { json["token"]["deadline_boottime_ns"] = 9'000'000'000'000'000'000; },
      [](Json& json) { json["token"]["due_boottime_ns"] = 9'000'000'000'000'000'000; },
      [](Json& json) { json["token"].erase("due_boottime_ns"); },
      [](Json& json) { json["token"]["more"] = 1; },
      [](Json& json) { json["wait"]["kind"] = "because"; },
      [](Json& json) { json["wait"]["authority_asked"] = 1; },
      [](Json& json) { json["wait"].erase("until_boottime_ns"); },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) EXPECT_FALSE(decoded_after(changes[i])) << i;
}

TEST(KeptProfile, AnyPartOfOneIsRefused) {
  const std::string whole = encode(a_kept_profile());
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(decode_kept_profile(whole.substr(0, size))) << size;
}

}  // namespace
}  // namespace fob::wire
