// What is known of a peer: from where, how it is said that something is not known, and that a peer which has
// become another one has to connect anew.
#include "daemon/broker/peer_facts.hpp"

#include "daemon/broker/accounts.hpp"
#include "ipc/base/file.hpp"
#include "ipc/base/pidfd.hpp"
#include "tests/support/temp_directory.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <optional>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fob::broker {
namespace {

using core::Fact;
using core::LabelSource;
using core::Selector;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* k_ended = "the process has ended";

transport::Peer self() {
  transport::Peer peer{::geteuid(), ::getegid(), ::getpid(), {}};
  peer.pidfd = std::make_shared<const UniqueFd>(open_pidfd(::getpid()));
  return peer;
}

// A pidfd of a process that is gone.
std::shared_ptr<const UniqueFd> ended_process() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  auto pidfd = std::make_shared<const UniqueFd>(open_pidfd(child));
  ::waitpid(child, nullptr, 0);
  return pidfd;
}

class PeerFactsTest : public ::testing::Test {
 protected:
  // Of a peer of whom everything is asked.
  core::PeerFacts gathered(const transport::Peer& peer,
                           std::shared_ptr<Acquaintance> acquaintance = nullptr) {
    FactSources sources;
    sources.witness = [this](PidfdPtr, wire::WitnessQuestion question) { return witness(question); };
    std::optional<core::PeerFacts> facts;
    boost::asio::co_spawn(
        io_, gather_facts(sources, peer, std::move(acquaintance), [](auto, const auto&) { return true; }),
        [&](std::exception_ptr, core::PeerFacts known) { facts = std::move(known); });
    io_.restart();
    io_.run();
    return *facts;
  }
  boost::asio::awaitable<wire::WitnessAnswer> witness(wire::WitnessQuestion question) {
    wire::WitnessAnswer answer;
    if (!tells_) co_return answer;
    if (question.exe) answer.exe = wire::Testimony{exe_, ""};
    if (question.exe_sha256)
      answer.exe_sha256 =
          hash_ ? wire::Testimony{hash_, ""} : wire::Testimony{std::nullopt, "it cannot be read"};
    co_return answer;
  }

  boost::asio::io_context io_{1};
  bool tells_ = true;
  std::string exe_ = "/usr/bin/app";
  std::optional<std::string> hash_;
};

TEST_F(PeerFactsTest, AreWhatTheWitnessTellsAndWhyItDoesNot) {
  const auto facts = gathered(self());
  EXPECT_EQ(facts.exe.value(), "/usr/bin/app");
  EXPECT_EQ(facts.exe_sha256.why_unknown(), "it cannot be read");
  tells_ = false;
  EXPECT_EQ(gathered(self()).exe.why_unknown(), "fob-witness did not tell");
}

TEST_F(PeerFactsTest, OfAnEndedProcessAreThoseOfItsConnectionOnly) {
  transport::Peer peer = self();
  peer.pidfd = ended_process();
  const auto facts = gathered(peer);
  EXPECT_EQ(facts.uid, ::geteuid());
  for (const Fact* fact : {&facts.unit, &facts.exe, &facts.exe_sha256})
    EXPECT_EQ(fact->why_unknown(), k_ended);
  peer.pidfd = nullptr;
  EXPECT_EQ(gathered(peer).exe.why_unknown(), k_ended);
  EXPECT_EQ(unit_of(-1).why_unknown(), k_ended);
}

TEST_F(PeerFactsTest, OfOneThatEndsLaterAreForgottenWhereTheyWereLookedAt) {
  transport::Peer peer = self();
  core::PeerFacts facts = facts_at_accept(peer, LabelSource::none);
  facts.exe = Fact::known("/usr/bin/app");
  EXPECT_EQ(facts_by_now(facts, peer).exe.value(), "/usr/bin/app");
  peer.pidfd = ended_process();
  EXPECT_EQ(facts_by_now(facts, peer).exe.why_unknown(), k_ended);
  EXPECT_FALSE(facts_by_now(facts, peer).unit.looked_at());
}

TEST_F(PeerFactsTest, OfOneThatBecameAnotherProgramAreUnknownForGood) {
  const auto acquaintance = std::make_shared<Acquaintance>();
  EXPECT_TRUE(gathered(self(), acquaintance).exe.value());
  EXPECT_TRUE(gathered(self(), acquaintance).exe.value()) << "the same as before";
  exe_ = "/usr/bin/other";
  EXPECT_THAT(gathered(self(), acquaintance).exe.why_unknown(), HasSubstr("connect anew"));
  exe_ = "/usr/bin/app";
  EXPECT_THAT(gathered(self(), acquaintance).exe.why_unknown(), HasSubstr("connect anew"));
}

TEST_F(PeerFactsTest, OfOneThatBecameAnotherUnitOrOtherBytesAreUnknownForGood) {
  const auto acquaintance = std::make_shared<Acquaintance>();
  acquaintance->unit = Fact::known("other.service");
  const auto here = unit_of(self().pidfd->get());
  if (here.value()) {
    EXPECT_THAT(gathered(self(), acquaintance).unit.why_unknown(), HasSubstr("connect anew"));
  }
  const auto same_path = std::make_shared<Acquaintance>();
  hash_ = std::string(64, 'a');
  EXPECT_EQ(gathered(self(), same_path).exe_sha256.value(), hash_);
  hash_ = std::string(64, 'b');
  EXPECT_THAT(gathered(self(), same_path).exe_sha256.why_unknown(), HasSubstr("connect anew"))
      << "another program at the same path";
}

TEST_F(PeerFactsTest, ThatCannotBeToldMeanwhileAreNoChange) {
  const auto acquaintance = std::make_shared<Acquaintance>();
  gathered(self(), acquaintance);
  tells_ = false;
  gathered(self(), acquaintance);
  tells_ = true;
  EXPECT_TRUE(gathered(self(), acquaintance).exe.value());
}

TEST_F(PeerFactsTest, ALabelIsItsNameAndOfAppArmorOnlyWhereItIsEnforced) {
  transport::Peer peer = self();
  EXPECT_THAT(facts_at_accept(peer, LabelSource::none).label.why_unknown(), StartsWith("no security module"));
  peer.label = "app (enforce)";
  EXPECT_EQ(facts_at_accept(peer, LabelSource::apparmor).label.value(), "app");
  EXPECT_EQ(facts_at_accept(peer, LabelSource::selinux).label.value(), "app (enforce)");
  peer.label = "app (complain)";
  EXPECT_EQ(facts_at_accept(peer, LabelSource::apparmor).label.value(), "app (complain)")
      << "which no grant names";
}

TEST_F(PeerFactsTest, LabelsAreThoseOfTheModuleThatIsInForce) {
  const test::TempDirectory sys;
  EXPECT_EQ(label_source(sys.path()), LabelSource::none);
  std::filesystem::create_directories(sys.path() / "fs/selinux");
  ASSERT_TRUE(replace_file(sys.path() / "fs/selinux/enforce", "1", 0600, ErrorCode::internal));
  EXPECT_EQ(label_source(sys.path()), LabelSource::selinux);
  const auto parameters = sys.path() / "module/apparmor/parameters";
  std::filesystem::create_directories(parameters);
  ASSERT_TRUE(replace_file(parameters / "enabled", "N\n", 0600, ErrorCode::internal));
  EXPECT_EQ(label_source(sys.path()), LabelSource::selinux);
  ASSERT_TRUE(replace_file(parameters / "enabled", "Y\n", 0600, ErrorCode::internal));
  EXPECT_EQ(label_source(sys.path()), LabelSource::apparmor);
}

TEST_F(PeerFactsTest, AProcessIsSeenByItsPidAsIfItConnected) {
  const auto peer = peer_by_pid(::getpid(), LabelSource::none);
  ASSERT_TRUE(peer);
  EXPECT_EQ(peer->uid, ::geteuid());
  EXPECT_EQ(peer->pid, ::getpid());
  const auto none = peer_by_pid(0x7fffffff, LabelSource::none);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::not_found);
  EXPECT_EQ(peer_by_pid(-1, LabelSource::none).error().code, ErrorCode::internal);
}

TEST(Accounts, AreNamesOrNumbersThatStandForThemselves) {
  EXPECT_EQ(user_account("root").id, 0U);
  EXPECT_EQ(group_account("root").id, 0U);
  EXPECT_EQ(user_account("4000000000").id, 4000000000U);
  EXPECT_EQ(group_account("4000000000").id, 4000000000U);
  for (const std::string none : {"4294967295", "4294967296", "-1", "1x", "nobody-is-called-so"}) {
    EXPECT_FALSE(user_account(none).id) << none;
    EXPECT_FALSE(group_account(none).id) << none;
    EXPECT_EQ(user_account(none).name, none);
  }
}

TEST(Accounts, HaveNamesAndGroupsWhereTheDatabasesKnowThem) {
  EXPECT_EQ(user_name(0), "root");
  EXPECT_EQ(group_name(0), "root");
  EXPECT_FALSE(user_name(4000000000U));
  EXPECT_FALSE(group_name(4000000000U));
  EXPECT_EQ(login_groups(0)->primary, 0U);
  EXPECT_THAT(login_groups(0)->all, Contains(0U));
  EXPECT_FALSE(login_groups(4000000000U));
  core::PeerFacts facts;
  facts.uid = facts.gid = 0;
  add_names(facts);
  EXPECT_EQ(facts.user + facts.group, "rootroot");
  facts.uid = facts.gid = 4000000000U;
  facts.user = "told already";
  facts.group = "";
  add_names(facts);
  EXPECT_EQ(facts.user + facts.group, "told already");
}

// What `look` finds where /etc/passwd and /etc/group say this; nothing where only root could try it.
std::optional<bool> with_accounts(const std::string& users, const std::string& groups,
                                  const std::function<bool()>& look) {
  const test::TempDirectory directory;
  std::ofstream(directory.path() / "passwd") << "root:x:0:0:::\n" << users;
  std::ofstream(directory.path() / "group") << "root:x:0:\n" << groups;
  const pid_t child = ::fork();
  if (child == 0) {
    bool ready = ::unshare(CLONE_NEWNS) == 0 && ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    for (const std::string name : {"passwd", "group"})
      ready = ready && ::mount((directory.path() / name).c_str(), ("/etc/" + name).c_str(), nullptr, MS_BIND,
                               nullptr) == 0;
    ::_exit(!ready ? 2 : look() ? 1 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFEXITED(status)) return false;
  return WEXITSTATUS(status) == 2 ? std::nullopt : std::optional(WEXITSTATUS(status) == 1);
}

// A line of /etc/group with about so many bytes of members.
std::string crowd(std::size_t bytes) {
  std::string line = "crowd:x:5000:";
  while (line.size() < bytes) line += "somebody,";
  return line + "joiner\n";
}

TEST(Accounts, AreFoundHoweverManyMembersAGroupHas) {
  const auto found = with_accounts("joiner:x:7000:7000:::\n", crowd(200'000), [] {
    return group_account("crowd").id == 5000U && group_name(5000) == "crowd" &&
           user_account("joiner").id == 7000U;
  });
  if (!found) GTEST_SKIP() << "accounts of its own are for root to have";
  EXPECT_TRUE(*found);
}

TEST(Accounts, OfAGroupBeyondAllMeasureAreNotLookedForWithoutEnd) {
  const auto refused =
      with_accounts("", crowd(5'000'000), [] { return !group_account("crowd").id && !group_name(5000); });
  if (!refused) GTEST_SKIP() << "accounts of its own are for root to have";
  EXPECT_TRUE(*refused);
}

std::string groups_of_joiner(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i)
    lines += "g" + std::to_string(i) + ":x:" + std::to_string(100'000 + i) + ":joiner\n";
  return lines;
}

TEST(Accounts, HaveAllGroupsOfAUserWhoIsInHundreds) {
  const auto all = with_accounts("joiner:x:7000:7000:::\n", groups_of_joiner(300), [] {
    const auto groups = login_groups(7000);
    return groups && groups->primary == 7000U && groups->all.size() == 301U &&
           std::count(groups->all.begin(), groups->all.end(), 100'299U) == 1;
  });
  if (!all) GTEST_SKIP() << "accounts of its own are for root to have";
  EXPECT_TRUE(*all);
}

TEST(Accounts, OfAUserInMoreGroupsThanTheKernelTakesAreNotKnown) {
  const auto unknown =
      with_accounts("joiner:x:7000:7000:::\n", groups_of_joiner(66'000), [] { return !login_groups(7000); });
  if (!unknown) GTEST_SKIP() << "accounts of its own are for root to have";
  EXPECT_TRUE(*unknown);
}

}  // namespace
}  // namespace fob::broker
