// The inbox and the outbox: which files are deleted when, whatever happens to them meanwhile.
#include "daemon/cli/inbox.hpp"
#include "ipc/base/file.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/temp_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <fstream>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fob::cli {
namespace {

namespace fs = std::filesystem;
using fleet::Outcome;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class InboxTest : public testing::Test {
 protected:
  InboxTest() {
    EXPECT_TRUE(box().prepare());
    clock_.set_wall(SystemClock().wall_now());
  }
  Inbox box() {
    return {directory_.path() / "inbox",
            Outbox(outbox_),
            {[this](const fs::path& path) { return apply(path); },
             [this](const fleet::Receipt& staged) { return follow_up_(staged); }},
            clock_,
            [this](const std::string& message) { said_.push_back(message); }};
  }
  std::size_t take_all() {
    const auto taken = box().take_all([] { return false; });
    EXPECT_TRUE(taken) << taken.error().detail;
    return taken ? taken->size() : 0;
  }
  fs::path drop(const std::string& name) {
    const auto path = directory_.path() / "inbox" / name;
    EXPECT_TRUE(replace_file(path, "a bundle", 0600, ErrorCode::internal));
    return path;
  }
  Application apply(const fs::path& path) {
    meanwhile_(path);
    fleet::Receipt receipt = receipt_;
    receipt.bundle = path.filename().string();
    return {receipt, std::nullopt};
  }
  std::vector<std::string> receipts() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(outbox_))
      names.push_back(entry.path().filename().string());
    return names;
  }

  test::TempDirectory directory_;
  fs::path outbox_ = directory_.path() / "outbox";
  test::ManualClock clock_;
  fleet::Receipt receipt_{"headset-7", "prod", 7, Outcome::applied, "", "", {}, 1, ""};
  std::function<void(const fs::path&)> meanwhile_ = [](const fs::path&) {};
  std::function<std::optional<fleet::Receipt>(const fleet::Receipt&)> follow_up_ = [](const fleet::Receipt&) {
    return std::nullopt;
  };
  std::vector<std::string> said_;
};

TEST_F(InboxTest, DeletesABundleOnceItsReceiptIsWritten) {
  const auto bundle = drop("roll-out.fob");
  EXPECT_EQ(take_all(), 1U);
  EXPECT_FALSE(fs::exists(bundle));
  EXPECT_THAT(receipts(), testing::ElementsAre("headset-7.prod.7.applied.json"));
}

TEST_F(InboxTest, KeepsABundleWhoseReceiptCannotBeWritten) {
  const auto bundle = drop("roll-out.fob");
  meanwhile_ = [this](const fs::path&) {
    fs::remove_all(outbox_);
    ASSERT_TRUE(replace_file(outbox_, "in the way", 0600, ErrorCode::internal));
  };
  EXPECT_FALSE(box().take_all([] { return false; }));
  EXPECT_TRUE(fs::exists(bundle));
}

TEST_F(InboxTest, OneBundleThatCannotBeDeletedKeepsNoOtherWaiting) {
  const auto first = drop("a.fob"), next = drop("b.fob");
  int followed = 0;
  follow_up_ = [&](const fleet::Receipt&) {
    ++followed;
    return std::nullopt;
  };
  receipt_.outcome = Outcome::staged;
  // What is mounted upon is in use, for root too.
  if (::mount(first.c_str(), first.c_str(), nullptr, MS_BIND, nullptr) != 0)
    GTEST_SKIP() << "nothing can be mounted here";
  const auto taken = box().take_all([] { return false; });
  ::umount2(first.c_str(), MNT_DETACH);
  EXPECT_FALSE(taken);
  EXPECT_FALSE(fs::exists(next));
  EXPECT_EQ(followed, 1);
}

TEST_F(InboxTest, KeepsWhatTookTheNameOfABundleThatWasLookedAt) {
  const auto bundle = drop("latest.fob");
  meanwhile_ = [this](const fs::path&) { drop("latest.fob"); };
  EXPECT_EQ(take_all(), 1U);
  EXPECT_TRUE(fs::exists(bundle)) << "nobody has read that one yet";
  meanwhile_ = [](const fs::path&) {};
  EXPECT_EQ(take_all(), 1U);
  EXPECT_FALSE(fs::exists(bundle));
}

TEST_F(InboxTest, KeepsWhatMayStillBecomeOfUse) {
  const auto outcome_of = [&](Outcome outcome, fleet::Reason reason) {
    receipt_.outcome = outcome;
    receipt_.reason = fleet::traits(reason).word;
    const auto bundle = drop("roll-out.fob");
    take_all();
    return fs::exists(bundle);
  };
  EXPECT_TRUE(outcome_of(Outcome::waiting, fleet::Reason::later_wave));
  EXPECT_TRUE(outcome_of(Outcome::refused, fleet::Reason::unknown_profile));
  EXPECT_TRUE(outcome_of(Outcome::refused, fleet::Reason::wrong_signer));
  EXPECT_FALSE(outcome_of(Outcome::refused, fleet::Reason::bad_signature));
  EXPECT_FALSE(outcome_of(Outcome::refused, fleet::Reason::replayed));
  receipt_.reason = "store-locked";
  receipt_.outcome = Outcome::failed;
  const auto bundle = drop("roll-out.fob");
  take_all();
  EXPECT_TRUE(fs::exists(bundle));
}

TEST_F(InboxTest, LeavesAFileThatSomebodyStillWrites) {
  const auto bundle = drop("slow.fob");
  const UniqueFd writer(::open(bundle.c_str(), O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(take_all(), 0U);
  EXPECT_THAT(said_, Contains(HasSubstr("slow.fob is still being written")));
  EXPECT_TRUE(fs::exists(bundle));
}

TEST_F(InboxTest, ABundleThatIsNamedIsKeptAndDoesNotWait) {
  const auto bundle = drop("roll-out.fob");
  receipt_.outcome = Outcome::waiting;
  receipt_.reason = fleet::traits(fleet::Reason::not_yet_valid).word;
  EXPECT_EQ(box().take(bundle)->outcome, Outcome::refused);
  EXPECT_TRUE(fs::exists(bundle));
}

TEST_F(InboxTest, WhatWasStagedIsFollowedUp) {
  receipt_.outcome = Outcome::staged;
  drop("roll-out.fob");
  take_all();
  EXPECT_THAT(receipts(), testing::ElementsAre("headset-7.prod.7.staged.json"));
  follow_up_ = [](const fleet::Receipt& staged) {
    fleet::Receipt after = staged;
    after.outcome = Outcome::applied;
    return std::optional(after);
  };
  take_all();
  EXPECT_THAT(receipts(), testing::ElementsAre("headset-7.prod.7.applied.json"));
}

TEST_F(InboxTest, OfTooManyReceiptsThoseOfSuccessStayAndWhatIsNoneIsNeverTouched) {
  const Outbox outbox(outbox_);
  ASSERT_TRUE(replace_file(outbox_ / "important.conf", "x", 0600, ErrorCode::internal));
  ASSERT_TRUE(replace_file(outbox_ / "other-device.prod.1.replayed.json", "x", 0600, ErrorCode::internal));
  ASSERT_TRUE(outbox.leave(receipt_));
  for (int i = 0; i < 1001; ++i)
    std::ofstream(outbox_ / ("headset-7.junk." + std::to_string(i) + ".malformed.json"));
  receipt_.serial = 8;
  ASSERT_TRUE(outbox.leave(receipt_));
  const auto names = receipts();
  EXPECT_EQ(names.size(), 1002U);
  for (const char* kept : {"important.conf", "other-device.prod.1.replayed.json",
                           "headset-7.prod.7.applied.json", "headset-7.prod.8.applied.json"})
    EXPECT_THAT(names, Contains(kept));
}

TEST_F(InboxTest, WhatACrashLeftOfAReceiptGoesWithTheNextOne) {
  std::ofstream(outbox_ / "headset-7.prod.6.applied.json.tmp4711") << "{";
  ASSERT_TRUE(Outbox(outbox_).leave(receipt_));
  EXPECT_THAT(receipts(), Not(Contains(HasSubstr(".tmp"))));
}

}  // namespace
}  // namespace fob::cli
