// Continuity against a service manager of the test's own: a real datagram socket, on which descriptors
// arrive.
#include "daemon/broker/kept_profiles.hpp"

#include "ipc/base/sealed_file.hpp"
#include "tests/support/fake_manager.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/recorded_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace fob::broker {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class KeptProfilesTest : public ::testing::Test {
 protected:
  core::TokenPtr token(std::string text = "abc") const {
    const BootTime now = clock_.boot_now();
    return std::make_shared<core::Token>(
        core::Token{text, "", {"query"}, 3, now - 10s, now + 290s, std::chrono::sys_seconds(1768206600s)});
  }
  core::Resumption with(core::TokenPtr token) const {
    return {std::move(token), clock_.boot_now() + 200s, std::nullopt, std::nullopt};
  }
  core::Resumption waiting(std::chrono::seconds for_so_long) const {
    return {
        nullptr, {}, clock_.boot_now() + for_so_long, core::Failure{ErrorCode::rejected, "no", std::nullopt}};
  }
  // The next fobd, after a crash or a restart.
  std::unique_ptr<KeptProfiles> successor(const std::string& boot_id = "boot") {
    manager_.take_in();
    auto next = std::make_unique<KeptProfiles>(service_, clock_, boot_id, logged_.log);
    next->take_back(manager_.hand_over());
    return next;
  }

  test::FakeManager manager_;
  ServiceManager service_ = manager_.seen_by();
  test::ManualClock clock_;
  test::RecordedLog logged_{clock_};
  std::unique_ptr<KeptProfiles> kept_ = successor();
};

TEST_F(KeptProfilesTest, TheNextFobdGoesOnWithTheToken) {
  kept_->keep("p", "for me", with(token()));
  const auto left = successor()->recall("p", "for me");
  ASSERT_TRUE(left.token);
  EXPECT_EQ(left.token->access_token, "abc");
  EXPECT_EQ(left.token->scopes, std::vector<std::string>{"query"});
  EXPECT_EQ(left.token->credential_version, 3U);
  EXPECT_EQ(left.token->credential_stored_at, std::chrono::sys_seconds(1768206600s));
  EXPECT_EQ(left.token->started, clock_.boot_now() - 10s);
  EXPECT_EQ(left.token->deadline, clock_.boot_now() + 290s);
  EXPECT_EQ(left.due, clock_.boot_now() + 200s);
  EXPECT_EQ(left.token->fingerprint.size(), 8U);
}

TEST_F(KeptProfilesTest, ANewTokenTakesThePlaceOfTheOldAndIsThereBeforeItGoes) {
  kept_->keep("p", "for me", with(token("old")));
  manager_.take_in();
  kept_->keep("p", "for me", with(token("new")));
  EXPECT_THAT(manager_.take_in(), ElementsAre("FDSTORE=1", "FDSTOREREMOVE=1"));
  EXPECT_EQ(manager_.names().size(), 1U);
  EXPECT_EQ(successor()->recall("p", "for me").token->access_token, "new");
}

TEST_F(KeptProfilesTest, OfTwoThatACrashLeftTheLaterCounts) {
  kept_->keep("p", "for me", with(token("old")));
  manager_.take_in();
  auto both = manager_.hand_over();
  kept_->keep("p", "for me", with(token("new")));
  manager_.take_in();
  for (auto& one : manager_.hand_over()) both.insert(both.begin(), std::move(one));
  KeptProfiles next(service_, clock_, "boot", logged_.log);
  next.take_back(std::move(both));
  EXPECT_EQ(next.recall("p", "for me").token->access_token, "new");
  EXPECT_THAT(manager_.take_in(), ElementsAre("FDSTOREREMOVE=1")) << "the old one, and only that";
}

TEST_F(KeptProfilesTest, ASecondSuccessorNamesNothingAsTheFirstDid) {
  kept_->keep("p", "for me", with(token("first")));
  auto next = successor();
  ASSERT_TRUE(next->recall("p", "for me").token);
  next->keep("p", "for me", with(token("second")));
  manager_.take_in();
  EXPECT_EQ(manager_.names().size(), 1U);
  EXPECT_EQ(successor()->recall("p", "for me").token->access_token, "second");
}

TEST_F(KeptProfilesTest, ADeadTokenIsDropped) {
  kept_->keep("p", "for me", with(token()));
  clock_.advance(300s);
  EXPECT_FALSE(successor()->recall("p", "for me").token);
  manager_.take_in();
  EXPECT_TRUE(manager_.names().empty());
}

TEST_F(KeptProfilesTest, ATokenOfAnotherBootIsDropped) {
  kept_->keep("p", "for me", with(token()));
  EXPECT_FALSE(successor("another boot")->recall("p", "for me").token);
}

TEST_F(KeptProfilesTest, ATokenForAnotherPurposeIsDropped) {
  kept_->keep("p", "for me", with(token()));
  EXPECT_FALSE(successor()->recall("p", "for another scope").token);
  manager_.take_in();
  EXPECT_TRUE(manager_.names().empty());
}

TEST_F(KeptProfilesTest, AProfileThatIsGoneIsDropped) {
  kept_->keep("p", "for me", with(token()));
  kept_->keep("q", "for me", with(token()));
  auto next = successor();
  ASSERT_TRUE(next->recall("q", "for me").token);
  next->forget_the_rest();
  manager_.take_in();
  EXPECT_EQ(manager_.names().size(), 1U);
}

TEST_F(KeptProfilesTest, WhatIsNotOursIsDropped) {
  const auto ours = make_sealed_file("x", R"({"fob_kept_profile":1,"profile":"p"})");
  std::vector<HandedDescriptor> handed;
  handed.push_back({UniqueFd(::open("/dev/zero", O_RDONLY | O_CLOEXEC)), "profile-1"});
  handed.push_back({UniqueFd(::dup(ours->get())), "profile-2"});
  handed.push_back({UniqueFd(::dup(ours->get())), "profile-x"});
  handed.push_back({UniqueFd(::dup(ours->get())), "profile-99999999999999999999999"});
  handed.push_back({UniqueFd(::dup(ours->get())), "profile-2x"});
  handed.push_back({UniqueFd(::dup(ours->get())), "somebody-else"});
  KeptProfiles next(service_, clock_, "boot", logged_.log);
  next.take_back(std::move(handed));
  EXPECT_FALSE(next.recall("p", "for me").token);
  EXPECT_EQ(manager_.take_in().size(), 6U);
}

TEST_F(KeptProfilesTest, AWaitIsSatOutAcrossACrashButNotAcrossARestart) {
  kept_->keep("p", "for me", waiting(60s));
  auto left = successor()->recall("p", "for me");
  EXPECT_EQ(left.retry_at, clock_.boot_now() + 60s);
  ASSERT_TRUE(left.failure);
  EXPECT_EQ(left.failure->code, ErrorCode::rejected);
  EXPECT_FALSE(left.failure->retry_after);

  kept_->forget_waits();
  EXPECT_FALSE(successor()->recall("p", "for me").retry_at);
}

TEST_F(KeptProfilesTest, AWaitThatIsLongerThanAnyOfOursIsDropped) {
  kept_->keep("p", "for me", waiting(24h));
  EXPECT_FALSE(successor()->recall("p", "for me").retry_at);
}

TEST_F(KeptProfilesTest, AWaitThatTheAuthorityAskedForIsSatOutAsThat) {
  core::Resumption state = waiting(60s);
  state.failure->retry_after = 30s;
  kept_->keep("p", "for me", state);
  const auto left = successor()->recall("p", "for me");
  ASSERT_TRUE(left.failure);
  EXPECT_TRUE(left.failure->retry_after) << "so that no change of the network cuts it short";
}

TEST_F(KeptProfilesTest, ATokenAndAWaitAreKeptTogether) {
  core::Resumption state = waiting(60s);
  state.token = token();
  state.due = clock_.boot_now() + 100s;
  kept_->keep("p", "for me", state);
  const auto left = successor()->recall("p", "for me");
  EXPECT_TRUE(left.token);
  EXPECT_EQ(left.retry_at, clock_.boot_now() + 60s);
  kept_->forget_waits();
  EXPECT_TRUE(successor()->recall("p", "for me").token) << "a restart ends waits, and no token";
}

TEST_F(KeptProfilesTest, ATokenThatHasNotBegunIsDropped) {
  core::Token later = *token();
  later.started = clock_.boot_now() + 10s;
  kept_->keep("p", "for me", with(std::make_shared<core::Token>(later)));
  EXPECT_FALSE(successor()->recall("p", "for me").token);
  manager_.take_in();
  EXPECT_TRUE(manager_.names().empty());
}

TEST_F(KeptProfilesTest, WhatEndsIsForgottenAndNothingPutInItsPlace) {
  kept_->keep("p", "for me", with(token()));
  kept_->keep("p", "for me", {});
  EXPECT_THAT(manager_.take_in(), ElementsAre("FDSTORE=1", "FDSTOREREMOVE=1"));
  kept_->keep("p", "for me", {});
  EXPECT_TRUE(manager_.take_in().empty()) << "what is not there need not be forgotten";
}

TEST_F(KeptProfilesTest, OfTwoUnderOneNameOneIsTakenUpAndBothAreDropped) {
  kept_->keep("p", "for me", with(token()));
  manager_.take_in();
  auto twice = manager_.hand_over();
  for (auto& one : manager_.hand_over()) twice.push_back(std::move(one));
  KeptProfiles next(service_, clock_, "boot", logged_.log);
  next.take_back(std::move(twice));
  EXPECT_EQ(next.recall("p", "for me").token->access_token, "abc");
  manager_.take_in();
  EXPECT_TRUE(manager_.names().empty()) << "systemd forgets by name";
}

TEST_F(KeptProfilesTest, WhatSystemdDoesNotHearIsSaidAndCostsNothingElse) {
  kept_->keep("p", "for me", with(token("old")));
  auto next = successor();
  manager_.go_away();
  EXPECT_EQ(next->recall("p", "for me").token->access_token, "old");
  logged_.clear();
  next->keep("p", "for me", with(token("new")));
  EXPECT_THAT(logged_.str(),
              HasSubstr("a restart of fobd would cost an exchange: systemd could not be told"));
  EXPECT_THAT(logged_.str(), HasSubstr("FOB_EVENT=unheard-by-systemd")) << "of the old one, to be forgotten";
}

TEST_F(KeptProfilesTest, WithoutAManagerNothingIsKept) {
  const ServiceManager nobody;
  KeptProfiles alone(nobody, clock_, "boot", logged_.log);
  alone.keep("p", "for me", with(token()));
  EXPECT_TRUE(manager_.take_in().empty());
}

TEST(ServiceManager, SaysOneLineAsStatusWhateverIsInIt) {
  test::FakeManager manager;
  const auto service = manager.seen_by();
  ASSERT_TRUE(service.status("all well\nREADY=1"));
  EXPECT_EQ(manager.next()->text, "STATUS=all well READY=1");
}

TEST(ServiceManager, TellsTheWatchdogOfThisProcessOnly) {
  const test::FakeManager manager;
  EXPECT_EQ(manager.seen_by({{"WATCHDOG_USEC", "30000000"}}).watchdog(), 30s);
  EXPECT_EQ(manager.seen_by({{"WATCHDOG_USEC", "30000000"}, {"WATCHDOG_PID", std::to_string(::getpid())}})
                .watchdog(),
            30s);
  EXPECT_FALSE(manager.seen_by({{"WATCHDOG_USEC", "30000000"}, {"WATCHDOG_PID", "1"}}).watchdog());
  EXPECT_FALSE(manager.seen_by().watchdog());
}

TEST(ServiceManager, RefusesAnAddressThatIsNone) {
  for (const std::string& address :
       std::vector<std::string>{"relative", "@", std::string(200, '/'), "/no/such/socket"}) {
    const auto manager = ServiceManager::of(
        [&](const char* name) -> std::optional<std::string> {
          if (std::strcmp(name, "NOTIFY_SOCKET") == 0) return address;
          return std::nullopt;
        },
        1);
    ASSERT_FALSE(manager) << address;
    EXPECT_THAT(manager.error().detail, HasSubstr("NOTIFY_SOCKET"));
  }
}

TEST(ServiceManager, MayListenInTheAbstractNamespace) {
  const UniqueFd listens(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const std::string name = "@fob-test-" + std::to_string(::getpid());
  sockaddr_un address{AF_UNIX, {}};
  name.copy(address.sun_path, name.size());
  address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  ASSERT_EQ(::bind(listens.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
  const auto manager = ServiceManager::of(
      [&](const char* variable) {
        return std::strcmp(variable, "NOTIFY_SOCKET") == 0 ? std::optional(name) : std::nullopt;
      },
      1);
  ASSERT_TRUE(manager) << manager.error().detail;
  ASSERT_TRUE(manager->ready());
  std::array<char, 100> text{};
  EXPECT_EQ(::recv(listens.get(), text.data(), text.size(), 0), 7);
  EXPECT_STREQ(text.data(), "READY=1");
}

TEST(ServiceManager, ThatIsNotThereIsToldNothing) {
  const ServiceManager nobody;
  EXPECT_FALSE(nobody.present());
  EXPECT_TRUE(nobody.ready());
  EXPECT_TRUE(nobody.keep(0, "profile-1"));
}

}  // namespace
}  // namespace fob::broker
