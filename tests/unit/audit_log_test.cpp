// What becomes a record and what is counted: repeats, crowds, and the bound on what is kept.
#include "daemon/core/audit_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fob::core {
namespace {

using namespace std::chrono_literals;

constexpr BootTime k_start{100s};
constexpr WallTime k_wall{std::chrono::seconds(1'700'000'000)};

AuditRecord asked(uid_t uid, const std::string& profile, const std::string& exe = "/usr/bin/app") {
  AuditRecord record;
  record.at = k_wall;
  record.what = "token";
  record.profile = profile;
  record.granted = true;
  record.fingerprint = "aa";
  record.peer.uid = uid;
  record.peer.exe = Fact::known(exe);
  return record;
}

TEST(AuditLog, RecordsTheFirstAndCountsTheSame) {
  AuditLog log;
  EXPECT_TRUE(log.add(asked(1, "p"), k_start));
  for (int i = 1; i <= 5; ++i) EXPECT_FALSE(log.add(asked(1, "p"), k_start + i * 1s));
  ASSERT_EQ(log.kept().size(), 1u);
  EXPECT_EQ(log.kept().back().number, 1u);
  EXPECT_TRUE(log.add(asked(1, "p"), k_start + 60s));
  EXPECT_EQ(log.kept().back().repeats, 5u);
  EXPECT_EQ(log.kept().back().number, 2u);
}

TEST(AuditLog, TellsApartWhatDiffers) {
  AuditLog log;
  EXPECT_TRUE(log.add(asked(1, "p"), k_start));
  EXPECT_TRUE(log.add(asked(2, "p"), k_start));
  EXPECT_TRUE(log.add(asked(1, "q"), k_start));
  EXPECT_TRUE(log.add(asked(1, "p", "/tmp/copy"), k_start));
  auto refused = asked(1, "p");
  refused.granted = false;
  EXPECT_TRUE(log.add(refused, k_start));
  auto other_token = asked(1, "p");
  other_token.fingerprint = "bb";
  EXPECT_TRUE(log.add(other_token, k_start)) << "who had which token is what an audit is for";
  auto same_but_pid = asked(1, "p");
  same_but_pid.peer.pid = 77;
  EXPECT_FALSE(log.add(same_but_pid, k_start)) << "a loop that forks is a loop";
}

TEST(AuditLog, ReportsRepeatsEvenIfNothingFollows) {
  AuditLog log;
  log.add(asked(1, "p"), k_start);
  EXPECT_FALSE(log.due()) << "nothing is repeated, nothing to wake up for";
  log.add(asked(1, "p"), k_start + 1s);
  ASSERT_EQ(log.due(), k_start + 60s);
  EXPECT_EQ(log.fold(k_start + 59s, k_wall), 0u);
  EXPECT_EQ(log.fold(k_start + 60s, k_wall + 60s), 1u);
  EXPECT_EQ(log.kept().back().repeats, 1u);
  EXPECT_EQ(log.kept().back().at, k_wall + 60s);
  EXPECT_FALSE(log.due());
  EXPECT_FALSE(log.add(asked(1, "p"), k_start + 61s)) << "one record a minute, however hot the loop";
}

TEST(AuditLog, GivesAUserWithManyKindsOneMoreForAllOfThem) {
  AuditLog log;
  std::size_t records = 0;
  for (int i = 0; i < 1000; ++i)
    if (log.add(asked(1, "p", "/tmp/copy" + std::to_string(i)), k_start)) ++records;
  EXPECT_EQ(records, AuditLog::k_most_kinds_of_user + 1);
  EXPECT_TRUE(log.add(asked(2, "p"), k_start)) << "another user's are not pushed out by it";
}

TEST(AuditLog, IsBoundedWhoeverComes) {
  AuditLog log;
  std::size_t records = 0;
  for (uid_t uid = 0; uid < 5000; ++uid)
    if (log.add(asked(uid, "p"), k_start)) ++records;
  EXPECT_EQ(records, AuditLog::k_most_kinds + 1);
  EXPECT_EQ(log.kept().size(), AuditLog::k_most_kept);
  EXPECT_EQ(log.kept().front().number, records - AuditLog::k_most_kept + 1) << "the oldest went";
}

TEST(AuditLog, HasRoomAgainOnceAKindIsQuiet) {
  AuditLog log;
  for (int i = 0; i < 40; ++i) log.add(asked(1, "p", "/tmp/copy" + std::to_string(i)), k_start);
  EXPECT_TRUE(log.add(asked(1, "q"), k_start + 61s));
  EXPECT_TRUE(log.add(asked(1, "r"), k_start + 61s));
}

}  // namespace
}  // namespace fob::core
