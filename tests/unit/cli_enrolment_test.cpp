#include "daemon/cli/enrolment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace fob::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using wire::Slot;

// Slots in memory that hold versions only, and a note of what was done.
class NotedStore final : public store::CredentialStore {
 public:
  Result<store::StoredCredential> load(const std::string& profile, Slot slot) override {
    if (profile != "prod" || !slots.contains(slot)) return fail(ErrorCode::no_credential, "");
    return store::StoredCredential{{"id", SecretBytes()}, slots.at(slot)};
  }
  Result<std::uint64_t> stage(const std::string&, const store::Credential&,
                              const store::Origin& origin) override {
    steps.emplace_back(origin.untested ? "stage untested" : "stage");
    staged_origin = origin;
    meanwhile();
    return slots[Slot::next] = ++last_version;
  }
  Result<void> commit(const std::string& profile, std::uint64_t version, store::Proof) override {
    steps.emplace_back("commit");
    if (slots.contains(Slot::current) && slots.at(Slot::current) == version) return {};
    if (!has_staged(version)) return store::another_rotation(profile);
    if (commit_fails) return fail(ErrorCode::store, "the disk is full");
    if (slots.contains(Slot::current)) slots[Slot::previous] = slots[Slot::current];
    slots[Slot::current] = slots[Slot::next];
    slots.erase(Slot::next);
    return {};
  }
  Result<bool> discard_staged(const std::string&, std::uint64_t version) override {
    steps.emplace_back("discard");
    if (!has_staged(version)) return false;
    slots.erase(Slot::next);
    return true;
  }
  Result<void> roll_back(const std::string&) override { return {}; }
  Result<void> remove(const std::string&, store::Unread) override { return {}; }
  Result<store::Listing> list() override { return fail(ErrorCode::store_locked, "another is damaged"); }
  Result<std::optional<config::StoreKind>> whereabouts(const std::string&) override {
    return fail(ErrorCode::internal, "");
  }
  Result<store::StagedCredential> staged(const std::string&) override {
    if (!slots.contains(Slot::next)) return fail(ErrorCode::no_credential, "nothing is staged");
    return store::StagedCredential{slots.at(Slot::next), staged_origin};
  }
  Result<store::BundleStanding> bundle_standing(const std::string&, std::uint64_t) override {
    return store::BundleStanding{};
  }
  Result<store::Move> migrate(const std::string&, config::StoreKind) override {
    return fail(ErrorCode::internal, "");
  }

  bool has_staged(std::uint64_t version) const {
    return slots.contains(Slot::next) && slots.at(Slot::next) == version;
  }
  void put_current() { slots[Slot::current] = last_version = 1; }

  std::map<Slot, std::uint64_t> slots;
  std::uint64_t last_version = 0;
  store::Origin staged_origin;
  bool commit_fails = false;
  std::function<void()> meanwhile = [] {};  ///< what another fob does just before ours stages
  std::vector<std::string> steps;
};

wire::ExchangeAnswer accepted(std::uint64_t version) {
  wire::ExchangeSuccess success;
  success.credential_version = version;
  success.expires_in = std::chrono::minutes(30);
  return success;
}

wire::ExchangeAnswer failed(ErrorCode code) { return wire::ExchangeFailure{code, 0, "this and that", {}}; }

class CredentialEnrolment : public ::testing::Test {
 protected:
  Result<Enrolled> enrol(Purpose purpose, Trial trial = Trial::required) {
    Enrolment enrolment({store_,
                         [this](const std::string&) {
                           store_.steps.emplace_back("try");
                           during_trial_();
                           return trial_ ? *trial_ : accepted(store_.slots.at(Slot::next));
                         },
                         [this](const std::string&) {
                           store_.steps.emplace_back("tell");
                           when_told_();
                           return told_;
                         },
                         [this](const std::string& message) { said_.push_back(message); },
                         {},
                         [this](const std::string&) { return staged_is_refused_; },
                         [this](const std::string&) { store_.steps.emplace_back("nothing left"); }},
                        "prod");
    if (auto begun = enrolment.begin(purpose); !begun) return begun.error();
    return enrolment.enrol({"id", SecretBytes::copy_of("secret")}, {trial, 0});
  }

  NotedStore store_;
  void expect_another_rotation(const Result<Enrolled>& outcome) {
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, ErrorCode::store);
    EXPECT_EQ(outcome.error().detail,
              "another rotation of prod is under way; nothing was changed, try again");
    EXPECT_THAT(store_.steps, Not(Contains("tell")));
  }

  std::optional<wire::ExchangeAnswer> trial_;  ///< nothing: what is staged is accepted
  std::function<void()> during_trial_ = [] {};
  bool staged_is_refused_ = false;
  std::function<void()> when_told_ = [] {};  ///< what fobd does
  Result<void> told_;
  std::vector<std::string> said_;
};

TEST_F(CredentialEnrolment, TriesTheFirstCredentialBeforeItIsInForce) {
  ASSERT_TRUE(enrol(Purpose::add));
  EXPECT_THAT(store_.steps, ElementsAre("stage", "try", "commit", "tell"));
  EXPECT_THAT(said_,
              ElementsAre("prod: stored as version 1; the authority accepts it, with tokens for 30 min",
                          "prod: a token is in force"));
}

TEST_F(CredentialEnrolment, TriesNothingWhereAskedNotTo) {
  ASSERT_TRUE(enrol(Purpose::add, Trial::none));
  EXPECT_THAT(store_.steps, ElementsAre("stage untested", "commit", "tell"));
  EXPECT_EQ(said_.front(), "prod: stored as version 1, without a trial as you asked");
}

TEST_F(CredentialEnrolment, LeavesAnUntriedRotationToTheFirstExchange) {
  store_.put_current();
  when_told_ = [this] { ASSERT_TRUE(promote_if_untested(store_, "prod", 2)); };
  const auto enrolled = enrol(Purpose::rotate, Trial::none);
  ASSERT_TRUE(enrolled);
  EXPECT_TRUE(enrolled->in_force);
  EXPECT_THAT(store_.steps, ElementsAre("stage untested", "tell", "commit"));
  EXPECT_THAT(said_,
              ElementsAre("prod: staged as version 2, untried; the first exchange that succeeds with it puts "
                          "it in force",
                          "prod: a new token is in force"));
}

TEST_F(CredentialEnrolment, AnUntriedRotationWaitsStagedWhileNobodyCanTryIt) {
  store_.put_current();
  told_ = fail(ErrorCode::daemon_not_running, "no");
  const auto enrolled = enrol(Purpose::rotate, Trial::none);
  ASSERT_TRUE(enrolled);
  EXPECT_FALSE(enrolled->in_force);
  EXPECT_EQ(store_.slots, (std::map<Slot, std::uint64_t>{{Slot::current, 1}, {Slot::next, 2}}));

  told_ = fail(ErrorCode::unreachable, "no route");
  const auto untried = enrol(Purpose::rotate, Trial::none);
  ASSERT_FALSE(untried) << "a token with it is what a rotation waits for";
  EXPECT_EQ(untried.error().code, ErrorCode::unreachable);
  EXPECT_THAT(untried.error().detail, HasSubstr("it stays staged"));
  EXPECT_EQ(store_.slots, (std::map<Slot, std::uint64_t>{{Slot::current, 1}, {Slot::next, 3}}));
}

TEST_F(CredentialEnrolment, AnUntriedRotationThatIsRefusedSaysSoAndLeavesTheOldOneInForce) {
  store_.put_current();
  staged_is_refused_ = true;
  const auto enrolled = enrol(Purpose::rotate, Trial::none);  // fobd has a token, but nothing was promoted
  ASSERT_FALSE(enrolled);
  EXPECT_EQ(enrolled.error().code, ErrorCode::rejected);
  EXPECT_THAT(enrolled.error().detail, HasSubstr("version 1 stays in force"));
}

TEST_F(CredentialEnrolment, AnUntriedRotationThatWorksButCouldNotBePromotedIsNotCalledRefused) {
  store_.put_current();
  const auto enrolled = enrol(Purpose::rotate, Trial::none);
  ASSERT_FALSE(enrolled);
  EXPECT_EQ(enrolled.error().code, ErrorCode::store);
  EXPECT_THAT(enrolled.error().detail, HasSubstr("fob credential promote prod"));
}

TEST_F(CredentialEnrolment, WhereATrialIsNotPossibleTheFirstExchangeMayBeIt) {
  store_.put_current();
  trial_ = failed(ErrorCode::unreachable);
  told_ = fail(ErrorCode::daemon_not_running, "no");
  const auto enrolled = enrol(Purpose::rotate, Trial::if_possible);
  ASSERT_TRUE(enrolled);
  EXPECT_FALSE(enrolled->in_force);
  EXPECT_THAT(store_.steps, ElementsAre("stage", "try", "discard", "stage untested", "tell"));
  EXPECT_EQ(store_.slots, (std::map<Slot, std::uint64_t>{{Slot::current, 1}, {Slot::next, 3}}));

  trial_ = failed(ErrorCode::rejected);
  EXPECT_EQ(enrol(Purpose::rotate, Trial::if_possible).error().code, ErrorCode::rejected);
}

TEST_F(CredentialEnrolment, FobdPromotesOnlyWhatHasNoTrialOfItsOwn) {
  store_.put_current();
  EXPECT_TRUE(promote_if_untested(store_, "prod", 1)) << "in force already";
  EXPECT_EQ(promote_if_untested(store_, "prod", 2).error().code, ErrorCode::no_credential);
  ASSERT_TRUE(store_.stage("prod", {}, {false, 0}));
  EXPECT_EQ(promote_if_untested(store_, "prod", 2).error().code, ErrorCode::no_credential);
  ASSERT_TRUE(store_.stage("prod", {}, {true, 0}));
  EXPECT_EQ(promote_if_untested(store_, "prod", 2).error().code, ErrorCode::no_credential) << "an older one";
  EXPECT_TRUE(promote_if_untested(store_, "prod", 3));
  EXPECT_EQ(store_.slots.at(Slot::current), 3U);
}

TEST_F(CredentialEnrolment, AnOperatorPromotesWhatIsStagedHoweverItGotThere) {
  const EnrolmentWorld world{store_,
                             {},
                             [this](const std::string&) { return told_; },
                             [this](const std::string& message) { said_.push_back(message); },
                             {},
                             {}};
  EXPECT_EQ(promote(world, "prod").error().code, ErrorCode::no_credential);
  ASSERT_TRUE(store_.stage("prod", {}, {false, 0}));
  ASSERT_TRUE(promote(world, "prod"));
  EXPECT_THAT(said_, ElementsAre("prod: version 1 is in force", "prod: a new token is in force"));
}

TEST_F(CredentialEnrolment, ChangesNothingWhereTheAuthorityRefusesTheCredential) {
  for (const ErrorCode refusal : {ErrorCode::rejected, ErrorCode::forbidden}) {
    store_ = {};
    trial_ = failed(refusal);
    const auto enrolled = enrol(Purpose::add);
    ASSERT_FALSE(enrolled);
    EXPECT_EQ(traits(enrolled.error().code).exit_status, 6);
    EXPECT_THAT(enrolled.error().detail, HasSubstr("this and that; nothing was changed"));
    EXPECT_THAT(store_.steps, ElementsAre("stage", "try", "discard", "nothing left"));
    EXPECT_THAT(store_.slots, IsEmpty());
  }
}

TEST_F(CredentialEnrolment, KeepsAFirstCredentialThatCannotBeTried) {
  for (const ErrorCode code :
       {ErrorCode::unreachable, ErrorCode::timeout, ErrorCode::tls, ErrorCode::clock_wrong,
        ErrorCode::bad_answer, ErrorCode::rate_limited, ErrorCode::config, ErrorCode::internal}) {
    store_ = {};
    said_.clear();
    trial_ = failed(code);
    ASSERT_TRUE(enrol(Purpose::add));
    EXPECT_TRUE(store_.slots.contains(Slot::current));
    EXPECT_EQ(said_.front(),
              "warning: prod: stored as version 1, but untested, since the trial failed: this and that");
  }
}

TEST_F(CredentialEnrolment, ReplacesNothingByACredentialThatCannotBeTried) {
  for (const Purpose purpose : {Purpose::add, Purpose::rotate}) {
    store_ = {};
    store_.put_current();
    trial_ = failed(ErrorCode::unreachable);
    const auto enrolled = enrol(purpose);
    ASSERT_FALSE(enrolled);
    EXPECT_EQ(enrolled.error().code, ErrorCode::unreachable);
    EXPECT_THAT(enrolled.error().detail, HasSubstr("--no-trial"));
    EXPECT_THAT(store_.steps, ElementsAre("stage", "try", "discard"));
    EXPECT_EQ(store_.slots, (std::map<Slot, std::uint64_t>{{Slot::current, 1}}));
  }
}

TEST_F(CredentialEnrolment, RotatesAndWaitsForANewToken) {
  store_.put_current();
  ASSERT_TRUE(enrol(Purpose::rotate));
  EXPECT_EQ(store_.slots, (std::map<Slot, std::uint64_t>{{Slot::current, 2}, {Slot::previous, 1}}));
  EXPECT_EQ(said_.back(), "prod: a new token is in force");
}

TEST_F(CredentialEnrolment, FailsARotationThatBringsNoToken) {
  store_.put_current();
  told_ = fail(ErrorCode::unreachable, "no route");
  const auto rotated = enrol(Purpose::rotate);
  ASSERT_FALSE(rotated);
  EXPECT_EQ(rotated.error().code, ErrorCode::unreachable);
  EXPECT_THAT(rotated.error().detail,
              HasSubstr("the credential is stored, but fobd has no token with it yet: no route"));
  EXPECT_EQ(store_.slots.at(Slot::current), 2U);
}

TEST_F(CredentialEnrolment, RotatesWithoutFobdAsWell) {
  store_.put_current();
  told_ = fail(ErrorCode::daemon_not_running, "fobd is not running");
  ASSERT_TRUE(enrol(Purpose::rotate));
  EXPECT_EQ(said_.back(), "fobd is not running");
}

TEST_F(CredentialEnrolment, FailsARotationThatFobdDidNotTakeNoteOf) {
  for (const ErrorCode code : {ErrorCode::unknown_profile, ErrorCode::not_granted, ErrorCode::internal}) {
    store_ = {};
    store_.put_current();
    told_ = fail(code, "no");
    const auto rotated = enrol(Purpose::rotate);
    ASSERT_FALSE(rotated);
    EXPECT_EQ(rotated.error().code, code);
    EXPECT_THAT(rotated.error().detail, HasSubstr("the store is changed, but fobd did not take note: no"));
  }
}

TEST_F(CredentialEnrolment, AddsAFirstCredentialWhateverFobdMakesOfIt) {
  const std::map<ErrorCode, std::string> outcomes = {
      {ErrorCode::daemon_not_running, "no"},
      {ErrorCode::unknown_profile, "fobd does not know the profile prod yet; run: fob reload"},
      {ErrorCode::unreachable, "fobd has no token yet: no; it goes on trying, see: fob status"}};
  for (const auto& [code, message] : outcomes) {
    store_ = {};
    told_ = fail(code, "no");
    ASSERT_TRUE(enrol(Purpose::add));
    EXPECT_EQ(said_.back(), message);
  }
  for (const ErrorCode code : {ErrorCode::not_granted, ErrorCode::rejected}) {
    store_ = {};
    told_ = fail(code, "no");
    EXPECT_EQ(enrol(Purpose::add).error().code, code);
  }
}

TEST_F(CredentialEnrolment, SaysThatAnAddReplacesWhatIsThere) {
  store_.put_current();
  ASSERT_TRUE(enrol(Purpose::add));
  EXPECT_EQ(
      said_.front(),
      "prod already has a credential (version 1); this one will replace it, as `fob credential rotate` does");
  EXPECT_EQ(said_.back(), "prod: a new token is in force");
}

TEST_F(CredentialEnrolment, RotatesOnlyWhatIsThere) {
  const auto rotated = enrol(Purpose::rotate);
  ASSERT_FALSE(rotated);
  EXPECT_EQ(rotated.error().code, ErrorCode::no_credential);
  EXPECT_THAT(rotated.error().detail, HasSubstr("fob credential add prod"));
  EXPECT_THAT(store_.steps, IsEmpty());
}

TEST_F(CredentialEnrolment, ClaimsNothingWhereTheCommitFails) {
  store_.commit_fails = true;
  const auto enrolled = enrol(Purpose::add);
  ASSERT_FALSE(enrolled);
  EXPECT_EQ(enrolled.error().code, ErrorCode::store);
  EXPECT_THAT(said_, IsEmpty());
}

// Two rotations at once: version 9 is the other one's.

TEST_F(CredentialEnrolment, CommitsNothingThatAnotherRotationStagedAfterTheTrial) {
  store_.put_current();
  trial_ = accepted(2);
  during_trial_ = [this] { store_.slots[Slot::next] = 9; };
  expect_another_rotation(enrol(Purpose::rotate));
  EXPECT_EQ(store_.slots, (std::map<Slot, std::uint64_t>{{Slot::current, 1}, {Slot::next, 9}}));
}

TEST_F(CredentialEnrolment, CommitsNothingWhereTheTrialWasOfAnothersCredential) {
  store_.put_current();
  trial_ = accepted(9);
  expect_another_rotation(enrol(Purpose::rotate));
  EXPECT_EQ(store_.slots, (std::map<Slot, std::uint64_t>{{Slot::current, 1}}));
}

TEST_F(CredentialEnrolment, BlamesNoCredentialForTheTrialOfAnother) {
  for (const ErrorCode code : {ErrorCode::rejected, ErrorCode::unreachable}) {
    store_ = {};
    store_.put_current();
    trial_ = failed(code);
    during_trial_ = [this] { store_.slots[Slot::next] = 9; };
    expect_another_rotation(enrol(Purpose::rotate));
    EXPECT_EQ(store_.slots, (std::map<Slot, std::uint64_t>{{Slot::current, 1}, {Slot::next, 9}}));
  }
}

TEST_F(CredentialEnrolment, IsNoFirstOneWhereAnotherWasEnrolledWhileThePersonTyped) {
  trial_ = failed(ErrorCode::unreachable);
  store_.meanwhile = [this] { store_.put_current(); };
  const auto added = enrol(Purpose::add);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::unreachable);
  EXPECT_EQ(store_.slots, (std::map<Slot, std::uint64_t>{{Slot::current, 1}}));
}

TEST_F(CredentialEnrolment, ARemovalNeedsNoTokenAfterwards) {
  const EnrolmentWorld world{store_,
                             {},
                             [this](const std::string&) { return told_; },
                             [this](const std::string& message) { said_.push_back(message); },
                             {},
                             {}};
  for (const ErrorCode code :
       {ErrorCode::no_credential, ErrorCode::unknown_profile, ErrorCode::daemon_not_running}) {
    told_ = fail(code, "no");
    EXPECT_TRUE(announce_removal(world, "prod"));
  }
  EXPECT_THAT(said_, ElementsAre("no"));
  told_ = fail(ErrorCode::not_granted, "no");
  EXPECT_FALSE(announce_removal(world, "prod"));
}

}  // namespace
}  // namespace fob::cli
