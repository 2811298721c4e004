// What else the messages refuse, or set right: names and scopes, answers that lack something, numbers out of
// their bounds.
#include "ipc/wire/app_messages.hpp"
#include "ipc/wire/event_stream.hpp"
#include "ipc/wire/exchange_line.hpp"
#include "ipc/wire/json.hpp"
#include "ipc/wire/kept_profile.hpp"
#include "ipc/wire/limits.hpp"
#include "ipc/wire/names.hpp"

#include <gtest/gtest.h>

#include <map>

namespace fob::wire {
namespace {

using namespace std::chrono_literals;

ExchangeSuccess a_success() {
  ExchangeSuccess success;
  success.access_token = "abc.def.ghi";
  success.started_boottime = 123456789ns;
  success.expires_in = 1799000ms;
  success.scopes = {"query", "write"};
  success.credential_version = 7;
  return success;
}

TEST(ProfileQuery, TakesOneProfileOrNone) {
  EXPECT_EQ(decode_profile_query(decode_target("/v1/events?profile=p").value()).value(), "p");
  EXPECT_EQ(decode_profile_query(decode_target("/v1/events").value()).value(), std::nullopt);
  for (const auto* bad : {"/v1/events?profile=", "/v1/events?profile=a%2Fb", "/v1/events?wait=1"})
    EXPECT_EQ(decode_profile_query(decode_target(bad).value()).error().code, ErrorCode::bad_request) << bad;
}

TEST(Names, AScopeIsOneWordThatJsonAndFormsCanHold) {
  for (const auto* good : {"query", "a:b", "!"}) EXPECT_TRUE(is_scope(good)) << good;
  for (const auto* bad : {"", "a b", "a\"b", "a\\b", "a\n", "\xc3\xa4"}) EXPECT_FALSE(is_scope(bad)) << bad;
  EXPECT_TRUE(is_scope(std::string(k_max_scope_length, 'x')));
  EXPECT_FALSE(is_scope(std::string(k_max_scope_length + 1, 'x')));
}

TEST(Names, EachSlotHasItsWord) {
  for (const Slot slot : {Slot::current, Slot::next, Slot::previous})
    EXPECT_EQ(slot_from(to_string(slot)), slot);
  EXPECT_EQ(to_string(Slot::previous), "previous");
  EXPECT_FALSE(slot_from(""));
}

TEST(TokenAnswer, WithoutATokenIsRefusedAndWhatElseIsMissingIsNot) {
  for (const auto* bad : {"", "{}", R"({"access_token":"a b"})", R"({"access_token":1})"})
    EXPECT_EQ(decode_token_answer(bad).error().code, ErrorCode::internal) << bad;
  const auto bare = decode_token_answer(R"({"access_token":"abc","scopes":[1,"query"]})");
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->expires_in, 0s);
  EXPECT_EQ(bare->scopes, std::vector<std::string>{"query"});
  EXPECT_TRUE(decode_token_answer(R"({"access_token":"abc","scopes":"query"})")->scopes.empty());
}

TEST(ExchangeLine, RefusesTooManyScopesAndWhatNamesNoVersion) {
  auto success = a_success();
  success.scopes.assign(k_max_scopes, "s");
  EXPECT_TRUE(decode_exchange_answer(encode(ExchangeAnswer(success))));
  success.scopes.emplace_back("s");
  EXPECT_FALSE(decode_exchange_answer(encode(ExchangeAnswer(success))));
  const auto changed = [](const char* name, const Json& value) {
    Json json = Json::parse(encode(ExchangeAnswer(a_success())));
    json[name] = value;
    return decode_exchange_answer(json.dump());
  };
  EXPECT_FALSE(changed("credential_version", -1));
  EXPECT_FALSE(changed("credential_version", "7"));
  EXPECT_FALSE(changed("scopes", "query"));
  EXPECT_FALSE(changed("ok", nullptr));
  EXPECT_FALSE(changed("started_boottime_ns", 18446744073709551615ULL)) << "more than fits";
}

TEST(ExchangeLine, AFailuresOddStatusAndRetryAfterAreSetRight) {
  const auto decoded = [](const std::string& members) {
    return std::get<ExchangeFailure>(
        decode_exchange_answer(R"({"v":1,"ok":false,"kind":"rejected",)" + members + "}").value());
  };
  EXPECT_EQ(decoded(R"("status":99)").status, 0);
  EXPECT_EQ(decoded(R"("status":100)").status, 100);
  EXPECT_EQ(decoded(R"("status":599)").status, 599);
  EXPECT_EQ(decoded(R"("status":600)").status, 0);
  EXPECT_EQ(decoded(R"("retry_after_ms":-1)").retry_after, k_max_retry_after) << "rather too calm";
  EXPECT_FALSE(decoded(R"("status":401)").retry_after);
}

TEST(EventStream, ALineThatIsNoFieldIsPassedOver) {
  EventReader reader;
  ASSERT_TRUE(reader.take("event\ndata\neventful: x\nid: 7\nevent: token\ndata: a\ndata: b\n\n"));
  const auto event = reader.next();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->name, "token");
  EXPECT_EQ(event->data, "a\nb") << "two lines of one event";
  EXPECT_FALSE(reader.next());
}

TEST(EventStream, AnEndSaysOfWhatAndAnAbsenceNotAlwaysWhen) {
  EXPECT_EQ(encode(revoked_event("p")), "event: revoked\ndata: {\"profile\":\"p\"}\n\n");
  EXPECT_EQ(unavailable_event("p", {ErrorCode::unreachable, "gone", {}}).data.find("retry_after"),
            std::string::npos);
}

TEST(KeptProfile, MayHoldATokenOrAWaitAlone) {
  KeptProfile kept{"p", "a-boot", "", KeptToken{"abc", {}, 0, BootTime(1s), BootTime(9s), BootTime(5s)},
                   std::nullopt};
  EXPECT_FALSE(decode_kept_profile(encode(kept))->wait);
  kept.token.reset();
  kept.wait = KeptWait{BootTime(1s), ErrorCode::tls, "", false};
  const auto waits = decode_kept_profile(encode(kept));
  ASSERT_TRUE(waits);
  EXPECT_FALSE(waits->token);
  EXPECT_FALSE(waits->wait->authority_asked);
}

TEST(KeptProfile, LackingAnyMemberIsRefused) {
  const KeptProfile kept{"p", "a-boot", "", KeptToken{"abc", {}, 0, BootTime(1s), BootTime(9s), BootTime(5s)},
                         KeptWait{BootTime(1s), ErrorCode::tls, "", false}};
  const Json whole = Json::parse(encode(kept));
  for (const auto& [part, members] : std::map<std::string, std::vector<std::string>>{
           {"token",
            {"access_token", "credential_version", "started_boottime_ns", "deadline_boottime_ns",
             "due_boottime_ns"}},
           {"wait", {"until_boottime_ns", "kind", "authority_asked"}}})
    for (const auto& member : members) {
      Json less = whole;
      less[part].erase(member);
      EXPECT_FALSE(decode_kept_profile(less.dump())) << part << " without " << member;
      Json other = whole;
      other[part]["more"] = 1;
      EXPECT_FALSE(decode_kept_profile(other.dump())) << part;
    }
  Json of_another = whole;
  of_another["boot_id"] = std::string(65, 'x');
  EXPECT_FALSE(decode_kept_profile(of_another.dump()));
  Json late = whole;
  late["token"]["due_boottime_ns"] = 9'000'000'001;
  EXPECT_FALSE(decode_kept_profile(late.dump())) << "due when it is dead already";
}

TEST(Json, PrintableLeavesNoDelete) {
  EXPECT_EQ(printable("a\x7f"
                      "b",
                      64),
            "a b");
}

}  // namespace
}  // namespace fob::wire
