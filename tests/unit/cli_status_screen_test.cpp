#include "daemon/cli/speech.hpp"
#include "daemon/cli/status_screen.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fob::cli {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

// 2026-01-31T00:01:00Z
constexpr WallTime k_now{std::chrono::sys_days{std::chrono::year{2026} / 1 / 31} + std::chrono::minutes(1)};

const std::string k_document = R"({"version":"0.1.0","pid":42,"uptime_s":7500,"healthy":true,"profiles":[
  {"name":"prod-query","state":"valid","refresh":"always","fingerprint":"01234567","expires_in":240,
   "expires_at":"2026-01-31T00:04:00Z","lifetime":300,"scopes":["query","write"],"credential_version":2,
   "credential_stored_at":"2026-01-28T20:01:00Z","exchanging":false,
   "next_attempt_in":130,"next_attempt_why":"refresh","failing":false,
   "last_error":{"kind":"timeout","detail":"slow","at":"2026-01-30T23:00:00Z"},
   "exchanges":{"ok":3,"failed":1},"served":13,"served_to":[
    {"pid":812,"uid":0,"unit":"localizer.service","exe":null,"at":"2026-01-31T00:00:56Z","count":12,"how":"request"},
    {"pid":900,"uid":0,"unit":null,"exe":"/usr/bin/app","at":"2026-01-30T22:01:00Z","count":1,"how":"page"}]},
  {"name":"dev","state":"none","refresh":"on-demand","fingerprint":null,"expires_in":null,"expires_at":null,
   "scopes":[],"credential_version":null,"exchanging":true,"next_attempt_in":null,"next_attempt_why":null,"failing":true,
   "last_error":{"kind":"tls","detail":"bad\ncertificate","at":"2026-01-31T00:00:00Z"},
   "exchanges":{"ok":0,"failed":1},"served":0},
  {"name":"idle","state":"idle","refresh":"on-demand","exchanging":false,"exchanges":{"ok":0,"failed":0},"served":0}]})";

TEST(StatusScreen, ShowsEachProfileCalmly) {
  const auto screen = status_screen(k_document, k_now, false);
  ASSERT_TRUE(screen);
  EXPECT_EQ(*screen,
            "fobd 0.1.0, pid 42, up 2 h 5 min\n"
            "\n"
            "prod-query  valid  [################....]  4 min of 5 min left\n"
            "            next: refresh in 2 min 10 s\n"
            "            credential version 2, stored 2 d 4 h ago\n"
            "            token 01234567, scopes query write\n"
            "            4 exchanges (1 failed), served 13 times\n"
            "            lately: root, localizer.service, pid 812: 4 s ago, 12 times\n"
            "                    root, /usr/bin/app, pid 900: 2 h ago, by page\n"
            "            last error 1 h 1 min ago (over), timeout: slow\n"
            "\n"
            "dev         no token\n"
            "            next: exchanging now\n"
            "            1 exchange (1 failed), served 0 times\n"
            "            last error 1 min ago, tls: bad certificate\n"
            "\n"
            "idle        idle\n"
            "            next: a refresh when an app asks\n"
            "            0 exchanges, served 0 times\n");
}

TEST(StatusScreen, ColoursTheStatesOnTerminals) {
  const auto screen = status_screen(k_document, k_now, true);
  ASSERT_TRUE(screen);
  EXPECT_THAT(*screen,
              HasSubstr("\033[32mvalid\033[0m  [\033[32m################\033[0m....]  4 min of 5 min left"));
  EXPECT_THAT(*screen, HasSubstr("\033[31mno token\033[0m"));
}

const std::string k_alarmed = R"({"version":"0.1.0","pid":42,"uptime_s":7500,"healthy":false,"profiles":[
  {"name":"prod","state":"valid","refresh":"always","expires_in":240,"exchanging":false,"next_attempt_in":300,
   "next_attempt_why":"probe","alarm":{"kind":"rejected","detail":"no","since":"2026-01-31T00:00:00Z",
   "token_ends_in":240,"offer":"rollback"},"staged_refused":{"detail":"not\nthat","at":"2026-01-31T00:00:00Z"},
   "fallback":null,"exchanges":{"ok":1,"failed":1},"served":0},
  {"name":"gone","state":"expired","refresh":"always","exchanging":true,"alarm":{"kind":"no-credential","detail":"no",
   "since":"2026-01-31T00:00:00Z","token_ends_in":null,"offer":null},"staged_refused":null,"fallback":"next",
   "exchanges":{"ok":1,"failed":1},"served":0}]})";

TEST(StatusScreen, ShowsAlarmsFirst) {
  const auto screen = status_screen(k_alarmed, k_now, false);
  ASSERT_TRUE(screen);
  EXPECT_EQ(
      *screen,
      "fobd 0.1.0, pid 42, up 2 h 5 min\n"
      "\n"
      "prod  valid  4 min left\n"
      "      ALARM since 2026-01-31T00:00:00Z: the authority rejects the credential; apps go without a token "
      "in 4 min; one that works is put in force by: fob credential rollback prod\n"
      "      the staged credential was refused 2026-01-31T00:00:00Z: not that\n"
      "      next: probe in 5 min\n"
      "      2 exchanges (1 failed), served 0 times\n"
      "\n"
      "gone  token expired\n"
      "      ALARM since 2026-01-31T00:00:00Z: the profile has no credential; apps have no token\n"
      "      FALLBACK: the credential in force is refused; the staged one is used in its place\n"
      "      next: exchanging now\n"
      "      2 exchanges (1 failed), served 0 times\n");
  EXPECT_THAT(*status_screen(k_alarmed, k_now, true), HasSubstr("\033[31mALARM since"));
}

TEST(StatusScreen, SaysWhatToDoWhereNothingIsConfigured) {
  const auto screen =
      status_screen(R"({"version":"0.1.0","pid":1,"uptime_s":1,"profiles":[]})", k_now, false);
  ASSERT_TRUE(screen);
  EXPECT_THAT(*screen, HasSubstr("add [profile.NAME] to fob.toml"));
}

TEST(StatusScreen, LivesWithMembersThatAreMissingOrOdd) {
  EXPECT_TRUE(status_screen(
      R"({"profiles":[{},7,{"name":1,"scopes":"x","exchanges":[],"last_error":3,"alarm":{},"fallback":7,"staged_refused":[]}]})",
      k_now, false));
}

TEST(StatusScreen, RefusesWhatIsNoStatus) {
  for (const std::string document : {"", "[]", "{}", "{\"profiles\":{}}", "<html>"})
    EXPECT_FALSE(status_screen(document, k_now, false)) << document;
}

TEST(Speech, SaysDurationsInTheirTwoLargestUnits) {
  EXPECT_EQ(in_words(seconds(-5)), "0 s");
  EXPECT_EQ(in_words(seconds(59)), "59 s");
  EXPECT_EQ(in_words(seconds(60)), "1 min");
  EXPECT_EQ(in_words(seconds(299)), "4 min 59 s");
  EXPECT_EQ(in_words(seconds(3600)), "1 h");
  EXPECT_EQ(in_words(seconds(3600 + 60)), "1 h 1 min");
  EXPECT_EQ(in_words(seconds(86400 * 2 + 3600 * 4 + 59)), "2 d 4 h");
}

}  // namespace
}  // namespace fob::cli
