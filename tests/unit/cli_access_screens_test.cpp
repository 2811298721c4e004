// How fob explain and fob audit look, and that what fobd sends is believed no further than it is JSON.
#include "daemon/cli/audit_command.hpp"
#include "daemon/cli/explain_command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fob::cli {
namespace {

using ::testing::HasSubstr;

TEST(ExplainScreen, SaysInOneScreenWhatHoldsAndWhatDoesNot) {
  const auto screen = explain_screen(R"({"pid":42,
    "facts":{"user":{"id":1000,"name":"xr"},"group":{"id":100,"name":"users"},"groups":[{"id":44,"name":"video"}],
             "unit":{"value":"other.service"},"exe":{"value":"/usr/bin/app"},"exe_sha256":{"unknown":"fob-witness did not tell"},
             "label":{"unknown":"no security module"}},
    "grants":1,
    "profiles":[{"profile":"prod","configured":true,"granted":false,"reason":"r","why":[
       {"grant":1,"where":"fob.toml:7","failed":["unit is other.service, not localizer.service"]}]},
      {"profile":"test","configured":true,"granted":true,"grant":2},
      {"profile":"lab","configured":false,"granted":false,"reason":"no [[grant]] names this profile","why":[]}]})",
                                     false);
  ASSERT_TRUE(screen) << screen.error().detail;
  EXPECT_EQ(*screen,
            "process 42, if it connected now:\n"
            "  user        xr (1000)\n"
            "  group       users (100)\n"
            "  also in     video (44)\n"
            "  unit        other.service\n"
            "  program     /usr/bin/app\n"
            "  its sha256  not known: fob-witness did not tell\n"
            "  label       not known: no security module\n"
            "prod: not granted\n"
            "    grant 1 (fob.toml:7):\n"
            "      unit is other.service, not localizer.service\n"
            "test: granted, by grant 2\n"
            "lab: not granted; but no profile of this name is configured\n"
            "    no [[grant]] names this profile\n");
}

TEST(ExplainScreen, RefusesWhatIsNoExplanation) {
  for (const char* text : {"", "[]", "{}", R"({"facts":{},"profiles":1})", R"({"facts":1,"profiles":[]})"})
    EXPECT_FALSE(explain_screen(text, false)) << text;
  EXPECT_TRUE(explain_screen(R"({"facts":{"groups":7,"user":"x"},"profiles":[1,{"why":[3]}]})", false));
}

TEST(AuditLine, SaysWhoGotWhat) {
  const auto record = wire::parse_object(R"({"number":1,"at":"2026-01-01T00:00:00Z","what":"token",
    "decision":"granted","profile":"prod","grant":2,"fingerprint":"ab12cd34","peer_pid":42,"peer_uid":1000,
    "peer_unit":"x.service","peer_exe":"/usr/bin/app","repeats":3})",
                                         4096, ErrorCode::internal);
  ASSERT_TRUE(record);
  EXPECT_EQ(
      audit_record_line(*record, false),
      "2026-01-01T00:00:00Z  granted  token of prod  pid 42 uid 1000  unit x.service  program /usr/bin/app"
      "  grant 2  token ab12cd34  (and 3 times more before)");
  EXPECT_THAT(audit_record_line(*wire::parse_object(R"({"decision":"refused","why":"a\u001b[2Jb"})", 4096,
                                                    ErrorCode::internal),
                                false),
              HasSubstr("because a [2Jb"))
      << "nothing a process chose steers a terminal";
}

}  // namespace
}  // namespace fob::cli
