// A bundle on its device: what is applied is what was verified, and the receipt tells what became of it.
#include "daemon/cli/bundle_application.hpp"
#include "tests/support/store_fixture.hpp"
#include "tests/unit/fleet_bundle_maker.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace fob::cli {
namespace {

using fleet::Outcome;
using ::testing::HasSubstr;
using wire::Slot;

// Shows other bytes at its first look than at those that follow, as a file does that somebody rewrites
// meanwhile.
class ChangingBundle final : public fleet::BundleSource {
 public:
  ChangingBundle(std::string first, std::string then) : first_(std::move(first)), then_(std::move(then)) {}
  std::uint64_t size() const override { return then_.size(); }
  fleet::Verified<std::size_t> read(std::uint64_t offset, std::span<unsigned char> to) const override {
    const std::string& shown = looks_++ == 0 ? first_ : then_;
    const std::size_t from = std::min<std::size_t>(offset, shown.size());
    const std::size_t size = std::min(to.size(), shown.size() - from);
    std::copy_n(shown.begin() + static_cast<std::ptrdiff_t>(from), size, to.begin());
    return size;
  }

 private:
  std::string first_, then_;
  mutable int looks_ = 0;
};

class BundleApplication : public testing::Test, public test::StoreFixture {
 protected:
  BundleApplication() { clock_.set_wall(fleet::test::at("2026-02-10T00:00:00Z")); }
  store::DeviceStore store() override { return store_of_files(); }

  wire::ExchangeAnswer trial() {
    if (trial_fails_with_) return wire::ExchangeFailure{*trial_fails_with_, 0, "this and that", {}};
    wire::ExchangeSuccess success;
    success.credential_version = version_in("prod-query", Slot::next);
    return success;
  }
  EnrolmentWorld world(store::CredentialStore& at) {
    return {at,
            [this](const std::string&) { return trial(); },
            [](const std::string&) -> Result<void> {
              return fail(ErrorCode::daemon_not_running, "fobd is not running");
            },
            [](const std::string&) {},
            [this](const std::string&, std::uint64_t version) { return version == accepted_; },
            [](const std::string&) { return false; }};
  }
  std::optional<fleet::Receipt> follow(const fleet::Receipt& receipt) {
    auto at = store();
    return follow_up(receipt, world(at), clock_);
  }
  fleet::Receipt apply(const fleet::BundleSource& bundle) {
    auto at = store();
    const Device device{
        world(at),
        identity_,
        {fleet::test::operator_key().public_key},
        [](const std::string& profile) { return profile == "prod-query" || profile == "staging"; },
        [this](const fleet::Receipt&) { return was_told_; },
        clock_};
    return apply_bundle(bundle, "b.fob", device).receipt;
  }
  fleet::Receipt apply(const std::string& bytes) { return apply(fleet::BundleBytes(fleet::octets(bytes))); }
  static std::string genuine() { return fleet::test::small_bundle().bytes(fleet::test::operator_key()); }

  fleet::DeviceIdentity identity_ = fleet::test::device("headset-a", 0x20);
  std::optional<ErrorCode> trial_fails_with_;
  bool was_told_ = false;
  std::uint64_t accepted_ = 0;  // the version whose token fobd has
};

TEST_F(BundleApplication, PutsInForceWhatTheAuthorityAccepts) {
  const auto receipt = apply(genuine());
  EXPECT_EQ(receipt.outcome, Outcome::applied) << receipt.detail;
  EXPECT_EQ(receipt.profile, "prod-query");
  EXPECT_EQ(receipt.serial, 7U);
  EXPECT_EQ(receipt.version, 1U);
  EXPECT_EQ(secret_in("prod-query", Slot::current), "s3cret-of-headset-a");
}

TEST_F(BundleApplication, GoesByTheHeaderThatWasVerifiedAndByNoOther) {
  auto foreign = fleet::test::small_bundle();
  foreign.header.profile = "staging";
  foreign.header.serial = 9007199254740992;
  const auto receipt = apply(ChangingBundle(foreign.bytes(fleet::test::operator_key(1)), genuine()));
  EXPECT_EQ(receipt.outcome, Outcome::refused);
  EXPECT_EQ(store().load("staging", Slot::current).error().code, ErrorCode::no_credential);
  EXPECT_EQ(store().bundle_standing("staging", 0)->highest, 0U);
}

TEST_F(BundleApplication, ChangesNothingWhereTheAuthorityRejectsIt) {
  enrol("prod-query", "old-id", "old");
  trial_fails_with_ = ErrorCode::rejected;
  EXPECT_EQ(apply(genuine()).outcome, Outcome::rejected);
  EXPECT_EQ(secret_in("prod-query", Slot::current), "old");
  trial_fails_with_.reset();
  EXPECT_EQ(apply(genuine()).outcome, Outcome::applied) << "its serial is still free";
}

TEST_F(BundleApplication, LeavesItStagedWhereTheAuthorityCannotBeAsked) {
  enrol("prod-query", "old-id", "old");
  trial_fails_with_ = ErrorCode::unreachable;
  const auto receipt = apply(genuine());
  EXPECT_EQ(receipt.outcome, Outcome::staged);
  EXPECT_EQ(receipt.version, 3U);
  EXPECT_EQ(secret_in("prod-query", Slot::current), "old");
  EXPECT_EQ(secret_in("prod-query", Slot::next), "s3cret-of-headset-a");

  EXPECT_FALSE(follow(receipt)) << "it still is";
  ASSERT_TRUE(store().commit("prod-query", 3, store::Proof::none));
  EXPECT_FALSE(follow(receipt)) << "somebody promoted it, which no authority has seen";
  accepted_ = 3;
  EXPECT_EQ(follow(receipt)->outcome, Outcome::applied);
  accepted_ = 0;
  ASSERT_TRUE(store().commit("prod-query", 3, store::Proof::accepted));
  EXPECT_EQ(follow(receipt)->outcome, Outcome::applied)
      << "fobd promoted it, with a token that is over by now";
  enrol("prod-query", "id", "later");
  EXPECT_EQ(follow(receipt)->outcome, Outcome::applied);
}

TEST_F(BundleApplication, CallsAFirstCredentialAppliedOnlyOnceAnAuthorityHasAcceptedIt) {
  trial_fails_with_ = ErrorCode::unreachable;
  const auto receipt = apply(genuine());
  EXPECT_EQ(receipt.outcome, Outcome::staged);
  EXPECT_EQ(secret_in("prod-query", Slot::current), "s3cret-of-headset-a");
  EXPECT_FALSE(follow(receipt));
  EXPECT_EQ(apply(genuine()).outcome, Outcome::staged) << "dropped again";
  accepted_ = receipt.version;
  EXPECT_EQ(follow(receipt)->outcome, Outcome::applied);
}

TEST_F(BundleApplication, NeverCallsAppliedWhatAnotherCredentialReplacedUntried) {
  enrol("prod-query", "old-id", "old");
  trial_fails_with_ = ErrorCode::unreachable;
  const auto receipt = apply(genuine());
  ASSERT_EQ(receipt.outcome, Outcome::staged);
  ASSERT_TRUE(store().stage("prod-query", test::credential("id", "another"), {false, 0}));
  EXPECT_FALSE(follow(receipt)) << "the other one is on trial, and this one comes back";
  ASSERT_TRUE(store().stage("prod-query", test::credential("id", "another"), {true, 8}));
  const auto after = follow(receipt);
  ASSERT_TRUE(after);
  EXPECT_EQ(after->outcome, Outcome::failed);
  EXPECT_EQ(after->reason, "replaced");
}

TEST_F(BundleApplication, RefusesARepetitionOnlyWhereItsReceiptWasWritten) {
  ASSERT_EQ(apply(genuine()).outcome, Outcome::applied);
  const auto told_late = apply(genuine());
  EXPECT_EQ(told_late.outcome, Outcome::applied) << "the power failed before the receipt";
  EXPECT_EQ(told_late.version, 1U);
  was_told_ = true;
  const auto repeated = apply(genuine());
  EXPECT_EQ(repeated.outcome, Outcome::refused);
  EXPECT_EQ(repeated.reason, "replayed");
}

TEST_F(BundleApplication, WhatACutOffTrialLeftStagedWasNotTaken) {
  enrol("prod-query", "old-id", "old");
  ASSERT_TRUE(store().stage("prod-query", test::credential("id", "s3cret-of-headset-a"), {false, 7}));
  EXPECT_EQ(apply(genuine()).outcome, Outcome::applied);
  EXPECT_EQ(version_in("prod-query", Slot::current), 3U);
}

TEST_F(BundleApplication, AStoreThatCannotBeReadIsAFailureThatMayPass) {
  enrol("prod-query", "old-id", "old");
  const auto key = state_ / "keys" / "vault.key";
  std::filesystem::permissions(key, static_cast<std::filesystem::perms>(0644));
  const auto receipt = apply(genuine());
  EXPECT_EQ(receipt.outcome, Outcome::failed);
  EXPECT_EQ(receipt.reason, "store-locked");
  EXPECT_THAT(receipt.detail, HasSubstr("chmod 600"));
}

}  // namespace
}  // namespace fob::cli
