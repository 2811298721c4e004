// What the gateway's audit tells of, and what it only counts.
#include "daemon/gateway/audit.hpp"
#include "tests/support/manual_clock.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace fob::gateway {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::SizeIs;
using namespace std::chrono_literals;

class GatewayAudit : public ::testing::Test {
 protected:
  static AuditRecord a_record(std::string what, bool granted = true) {
    return {"sdk", "prod-query", 1000, std::move(what), "", granted, granted ? "" : "no", 0};
  }
  test::ManualClock clock_;
  std::vector<AuditRecord> told_;
  Audit audit_{clock_, [this](const AuditRecord& record) { told_.push_back(record); }};
};

TEST_F(GatewayAudit, TellsOfWhatIsGrantedOnceAMinute) {
  for (int i = 0; i < 100; ++i) audit_.note(a_record("token"));
  EXPECT_THAT(told_, SizeIs(1));
  clock_.advance(60s);
  audit_.note(a_record("token"));
  ASSERT_THAT(told_, SizeIs(2));
  EXPECT_EQ(told_.back().repeats, 99U);
}

TEST_F(GatewayAudit, TellsTheDifferenceOfUserRouteOriginAndListener) {
  auto other = a_record("token");
  audit_.note(other);
  for (auto* word : {&other.what, &other.origin, &other.listener, &other.profile}) {
    *word += "x";
    audit_.note(other);
  }
  other.user.reset();
  audit_.note(other);
  EXPECT_THAT(told_, SizeIs(6));
}

TEST_F(GatewayAudit, TellsOfMoreRefusalsButNotOfAllOfAFlood) {
  for (int i = 0; i < 1000; ++i) audit_.note(a_record("GET /", false));
  EXPECT_THAT(told_, SizeIs(Audit::k_refusals_each));
  audit_.tell_the_rest();
  ASSERT_THAT(told_, SizeIs(Audit::k_refusals_each + 1));
  EXPECT_EQ(told_.back().repeats + Audit::k_refusals_each + 1, 1000U) << "none is lost";
  audit_.tell_the_rest();
  EXPECT_THAT(told_, SizeIs(Audit::k_refusals_each + 1));
}

TEST_F(GatewayAudit, IsBoundedWhateverAppsThinkOf) {
  for (int i = 0; i < 10'000; ++i) audit_.note(a_record("GET /" + std::to_string(i), false));
  EXPECT_THAT(told_, SizeIs(Audit::k_most_kinds_of_user + Audit::k_refusals_each));
  EXPECT_EQ(told_.back().what, "other requests");
  EXPECT_EQ(told_.back().user, 1000U);
  clock_.advance(60s);
  audit_.note(a_record("GET /again", false));
  EXPECT_EQ(told_.back().what, "GET /again") << "there is room again";
}

TEST_F(GatewayAudit, HidesNobodyBehindAnothersFlood) {
  for (int i = 0; i < 10'000; ++i) audit_.note(a_record("GET /" + std::to_string(i), false));
  told_.clear();
  auto other = a_record("connect", false);
  other.user = 1001;
  audit_.note(other);
  ASSERT_THAT(told_, SizeIs(1));
  EXPECT_EQ(told_.back().user, 1001U);
  EXPECT_EQ(told_.back().what, "connect");
  EXPECT_EQ(told_.back().repeats, 0U) << "what another was refused is not counted as its";
  for (const char* what : {"token", "GET /v1/vps/map"}) audit_.note(a_record(what));
  EXPECT_THAT(told_, SizeIs(3));
}

TEST_F(GatewayAudit, IsBoundedHoweverManyUsersThereAre) {
  for (unsigned user = 0; user < 10'000; ++user) {
    auto record = a_record("connect", false);
    record.user = user;
    audit_.note(record);
  }
  EXPECT_THAT(told_, SizeIs(Audit::k_most_kinds + Audit::k_refusals_each));
  EXPECT_FALSE(told_.back().user) << "it is no one user's";
}

TEST_F(GatewayAudit, IsALineAndFields) {
  AuditRecord record = a_record("POST /v1/vps/map/query", false);
  record.origin = "https://evil.example";
  record.why = "pages of it may not";
  record.repeats = 3;
  EXPECT_EQ(audit_line(record),
            "audit: refused POST /v1/vps/map/query of prod-query to user 1000 by sdk, page of "
            "https://evil.example: pages of it may not (the same 3 times more before)");
  const auto fields = journal_fields(record);
  for (const auto& [name, value] : {std::pair("FOB_DECISION", "refused"),
                                    {"FOB_PEER_UID", "1000"},
                                    {"FOB_ORIGIN", "https://evil.example"},
                                    {"FOB_LISTENER", "sdk"},
                                    {"FOB_PROFILE", "prod-query"},
                                    {"FOB_REPEATS", "3"}})
    EXPECT_THAT(fields, Contains(Pair(name, value)));
  EXPECT_THAT(journal_fields(a_record("token")),
              ElementsAre(Pair("FOB_WHAT", "token"), Pair("FOB_DECISION", "granted"),
                          Pair("FOB_PROFILE", "prod-query"), Pair("FOB_LISTENER", "sdk"),
                          Pair("FOB_PEER_UID", "1000")));
}

}  // namespace
}  // namespace fob::gateway
