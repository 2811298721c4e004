// Who was lately given a token: what an operator sees, however many ask.
#include "daemon/core/token_recipients.hpp"

#include <gtest/gtest.h>

namespace fob::core {
namespace {

using namespace std::chrono_literals;

PeerFacts process(pid_t pid, uid_t uid = 1000, const std::string& unit = "") {
  PeerFacts facts;
  facts.pid = pid;
  facts.uid = uid;
  if (!unit.empty()) facts.unit = Fact::known(unit);
  return facts;
}

std::vector<pid_t> pids(const TokenRecipients& recipients) {
  std::vector<pid_t> pids;
  for (const auto& recipient : recipients.newest_first()) pids.push_back(recipient.pid);
  return pids;
}

TEST(TokenRecipients, ShowsWhoCameLastFirstAndHowOften) {
  TokenRecipients recipients;
  recipients.add(process(1), Handing::request, BootTime(1s));
  recipients.add(process(2, 1001, "a.service"), Handing::page, BootTime(2s));
  recipients.add(process(1), Handing::request, BootTime(3s));
  const auto shown = recipients.newest_first();
  ASSERT_EQ(shown.size(), 2U);
  EXPECT_EQ(shown[0].pid, 1);
  EXPECT_EQ(shown[0].count, 2U);
  EXPECT_EQ(shown[0].at, BootTime(3s));
  EXPECT_EQ(shown[1].uid, 1001U);
  EXPECT_EQ(shown[1].unit, "a.service");
  EXPECT_EQ(to_string(shown[1].how), "page");
  EXPECT_EQ(shown[1].count, 1U);
}

TEST(TokenRecipients, TellsTheWaysOfOneProcessApart) {
  TokenRecipients recipients;
  for (const auto how : {Handing::request, Handing::page, Handing::events})
    recipients.add(process(1), how, BootTime(1s));
  EXPECT_EQ(recipients.newest_first().size(), 3U);
}

TEST(TokenRecipients, CountsWhoIsAnsweredInPassingAsTheSame) {
  TokenRecipients recipients;
  recipients.add(process(1, 7), Handing::request, BootTime(1s));
  recipients.add(1, 7, BootTime(2s));
  recipients.add(1, 8, BootTime(3s));
  recipients.add(2, 7, BootTime(4s));
  const auto shown = recipients.newest_first();
  ASSERT_EQ(shown.size(), 3U);
  EXPECT_EQ(shown[2].count, 2U);
  EXPECT_EQ(shown[2].at, BootTime(2s));
}

TEST(TokenRecipients, ACrowdOfOneKindTakesThePlacesOfItsOwn) {
  TokenRecipients recipients;
  recipients.add(process(1, 1000, "localizer.service"), Handing::request, BootTime(1s));
  recipients.add(process(2), Handing::events, BootTime(2s));
  for (int i = 0; i < 1000; ++i) recipients.add(100 + i, 1000, BootTime(3s + i * 1ms));
  const auto shown = pids(recipients);
  ASSERT_EQ(shown.size(), TokenRecipients::k_most);
  EXPECT_EQ(shown.front(), 1099);
  EXPECT_EQ(shown[5], 1094);
  EXPECT_EQ(shown[6], 2);
  EXPECT_EQ(shown[7], 1);
}

TEST(TokenRecipients, OfManyKindsTheOldestGoes) {
  TokenRecipients recipients;
  for (uid_t uid = 0; uid < 20; ++uid)
    recipients.add(process(5, uid), Handing::request, BootTime(1s * (uid + 1)));
  const auto shown = recipients.newest_first();
  ASSERT_EQ(shown.size(), TokenRecipients::k_most);
  EXPECT_EQ(shown.front().uid, 19U);
  EXPECT_EQ(shown.back().uid, 12U);
}

}  // namespace
}  // namespace fob::core
