// Continuity against a service manager of the test's own: a real datagram socket, on which descriptors
// arrive.
#include "daemon/broker/kept_profiles.hpp"

#include "ipc/base/log.hpp"
#include "ipc/base/passed_descriptors.hpp"
#include "ipc/base/sealed_file.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/temp_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fcntl.h>
#include <map>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace fob::broker {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Told {
  std::string text;
  UniqueFd fd;
};

// What systemd would have of us.
class Manager {
 public:
  Manager() {
    socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }

  std::string path() const { return (directory_.path() / "notify").string(); }

  ServiceManager seen_by(std::map<std::string, std::string> more = {}) const {
    more["NOTIFY_SOCKET"] = path();
    auto manager = ServiceManager::of(
        [more](const char* name) -> std::optional<std::string> {
          const auto found = more.find(name);
          if (found == more.end()) return std::nullopt;
          return found->second;
        },
        ::getpid());
    EXPECT_TRUE(manager) << manager.error().detail;
    return std::move(*manager);
  }

  std::optional<Told> next() {
    std::array<char, 4096> text{};
    Received received = receive_with(socket_.get(), text, MSG_DONTWAIT);
    if (received.size < 0) return std::nullopt;
    Told told{{text.data(), static_cast<std::size_t>(received.size)}, UniqueFd()};
    if (!received.fds.empty()) told.fd = std::move(received.fds.front());
    return told;
  }

  // Takes in what was told; what the descriptor store holds then comes back to the next fobd.
  std::vector<std::string> take_in() {
    std::vector<std::string> words;
    while (auto told = next()) {
      words.push_back(told->text.substr(0, told->text.find('\n')));
      const auto named = told->text.find("FDNAME=");
      if (named == std::string::npos) continue;
      const std::string name = told->text.substr(named + 7);
      if (told->text.starts_with("FDSTORE=1")) store_.push_back({std::move(told->fd), name});
      if (told->text.starts_with("FDSTOREREMOVE=1"))
        std::erase_if(store_, [&](const HandedDescriptor& kept) { return kept.name == name; });
    }
    return words;
  }

  std::vector<HandedDescriptor> hand_over() const {
    std::vector<HandedDescriptor> handed;
    for (const auto& kept : store_) handed.push_back({UniqueFd(::dup(kept.fd.get())), kept.name});
    return handed;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& kept : store_) names.push_back(kept.name);
    return names;
  }

 private:
  test::TempDirectory directory_;
  UniqueFd socket_;
  std::vector<HandedDescriptor> store_;
};

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
    auto next = std::make_unique<KeptProfiles>(service_, clock_, boot_id, log_);
    next->take_back(manager_.hand_over());
    return next;
  }

  Manager manager_;
  ServiceManager service_ = manager_.seen_by();
  test::ManualClock clock_;
  Log log_{clock_, [](auto&&...) {}};
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
  KeptProfiles next(service_, clock_, "boot", log_);
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
  KeptProfiles next(service_, clock_, "boot", log_);
  next.take_back(std::move(handed));
  EXPECT_FALSE(next.recall("p", "for me").token);
  EXPECT_EQ(manager_.take_in().size(), 4U);
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

TEST_F(KeptProfilesTest, WithoutAManagerNothingIsKept) {
  const ServiceManager nobody;
  KeptProfiles alone(nobody, clock_, "boot", log_);
  alone.keep("p", "for me", with(token()));
  EXPECT_TRUE(manager_.take_in().empty());
}

TEST(ServiceManager, SaysOneLineAsStatusWhateverIsInIt) {
  Manager manager;
  const auto service = manager.seen_by();
  ASSERT_TRUE(service.status("all well\nREADY=1"));
  EXPECT_EQ(manager.next()->text, "STATUS=all well READY=1");
}

TEST(ServiceManager, TellsTheWatchdogOfThisProcessOnly) {
  const Manager manager;
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

TEST(ServiceManager, ThatIsNotThereIsToldNothing) {
  const ServiceManager nobody;
  EXPECT_FALSE(nobody.present());
  EXPECT_TRUE(nobody.ready());
  EXPECT_TRUE(nobody.keep(0, "profile-1"));
}

}  // namespace
}  // namespace fob::broker
