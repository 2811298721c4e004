// Which slot a refresh asks and what its outcome is, case by case and against chance.
#include "daemon/core/slot_choice.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>

namespace fob::core {
namespace {

using ::testing::ElementsAre;

using enum Slot;

// What a slot would answer: a version, or a failure.
using Answer = std::variant<std::uint64_t, Failure>;

Answer no(ErrorCode code) { return Failure{code, "no", {}}; }
const Answer k_empty = no(ErrorCode::no_credential);
const Answer k_rejected = no(ErrorCode::rejected);

// Drives the choice as the broker does, against slots that answer always the same.
class SlotChoiceTest : public ::testing::Test {
 protected:
  // The outcome of one refresh; asked_ and promotions_ tell what it took.
  std::variant<Slot, Failure> refresh() {
    asked_.clear();
    promotions_.clear();
    SlotChoice::Step step = choice_.begin();
    for (int steps = 0; steps < 8; ++steps) {
      if (const auto* taken = std::get_if<SlotChoice::Take>(&step)) return taken->slot;
      if (const auto* failure = std::get_if<Failure>(&step)) return *failure;
      if (const auto* ask = std::get_if<SlotChoice::Ask>(&step)) {
        asked_.push_back(ask->slot);
        step = answered(slots_[static_cast<std::size_t>(ask->slot)]);
      } else {
        promotions_.push_back(std::get<SlotChoice::PromoteStaged>(step).version);
        step = choice_.on_promotion(promotion_);
      }
    }
    ADD_FAILURE() << "a refresh that does not end";
    return Failure{};
  }

  SlotChoice::Step answered(const Answer& answer) {
    if (const auto* version = std::get_if<std::uint64_t>(&answer)) return choice_.on_success(*version);
    return choice_.on_failure(std::get<Failure>(answer));
  }

  Slot taken() {
    const auto outcome = refresh();
    EXPECT_TRUE(std::holds_alternative<Slot>(outcome));
    return std::holds_alternative<Slot>(outcome) ? std::get<Slot>(outcome) : current;
  }

  Failure failed() {
    const auto outcome = refresh();
    EXPECT_TRUE(std::holds_alternative<Failure>(outcome));
    return std::holds_alternative<Failure>(outcome) ? std::get<Failure>(outcome) : Failure{};
  }

  void hold(Answer in_force, Answer staged, Answer before) { slots_ = {in_force, staged, before}; }

  SlotChoice choice_{"p", false};
  std::array<Answer, 3> slots_{Answer(std::uint64_t{1}), k_empty, k_empty};  // by Slot
  Promotion promotion_ = Promotion::promoted;
  std::vector<Slot> asked_;
  std::vector<std::uint64_t> promotions_;
};

Answer version(std::uint64_t number) { return number; }

TEST_F(SlotChoiceTest, LooksForAStagedOneOnceAndThenAsksTheOneInForce) {
  EXPECT_EQ(taken(), current);
  EXPECT_THAT(asked_, ElementsAre(next, current));
  EXPECT_EQ(taken(), current);
  EXPECT_THAT(asked_, ElementsAre(current));
  choice_.on_credential_changed();
  EXPECT_EQ(taken(), current);
  EXPECT_THAT(asked_, ElementsAre(next, current));
}

TEST_F(SlotChoiceTest, AStagedOneThatWorksIsPromotedAndFromThenOnInForce) {
  hold(version(1), version(2), k_empty);
  EXPECT_EQ(taken(), next);
  EXPECT_THAT(promotions_, ElementsAre(2U));
  EXPECT_EQ(taken(), current);
  EXPECT_THAT(asked_, ElementsAre(current));
}

TEST_F(SlotChoiceTest, TheFirstCredentialOfAllMayBeAStagedOne) {
  hold(k_empty, version(1), k_empty);
  EXPECT_EQ(taken(), next);
  EXPECT_THAT(asked_, ElementsAre(next));
}

TEST_F(SlotChoiceTest, AStagedOneThatIsRefusedIsToldOfAndAskedNoMore) {
  for (const ErrorCode code : {ErrorCode::rejected, ErrorCode::forbidden}) {
    choice_ = SlotChoice("p", false);
    hold(version(1), no(code), version(9));
    EXPECT_EQ(taken(), current);
    EXPECT_THAT(asked_, ElementsAre(next, current));
    ASSERT_TRUE(choice_.staged_refusal());
    EXPECT_EQ(choice_.staged_refusal()->code, code);
    hold(k_rejected, no(code), version(9));
    EXPECT_EQ(failed().code, ErrorCode::rejected);
    EXPECT_THAT(asked_, ElementsAre(current, previous)) << "a refused one is no alternative";
    choice_.on_credential_changed();
    EXPECT_FALSE(choice_.staged_refusal());
    refresh();
    EXPECT_EQ(asked_.front(), next);
  }
}

TEST_F(SlotChoiceTest, WhatHasNothingToDoWithTheCredentialIsTheOutcome) {
  for (const ErrorCode code : {ErrorCode::unreachable, ErrorCode::timeout, ErrorCode::tls,
                               ErrorCode::clock_wrong, ErrorCode::rate_limited}) {
    choice_ = SlotChoice("p", false);
    hold(version(1), no(code), k_empty);
    EXPECT_EQ(failed().code, code);
    EXPECT_THAT(asked_, ElementsAre(next));
    EXPECT_EQ(failed().code, code) << "whether there is a staged one is still unknown";
  }
}

TEST_F(SlotChoiceTest, AStagedOneThatFailsInAnotherWayDoesNotStandBeforeTheOneInForce) {
  for (const ErrorCode code :
       {ErrorCode::bad_answer, ErrorCode::store_locked, ErrorCode::config, ErrorCode::internal}) {
    choice_ = SlotChoice("p", false);
    hold(version(1), no(code), k_empty);
    EXPECT_EQ(taken(), current);
    EXPECT_EQ(taken(), current);
    EXPECT_THAT(asked_, ElementsAre(next, current)) << "whether there is a staged one is still unknown";
  }
}

TEST_F(SlotChoiceTest, AnAuthorityThatAsksForAPauseIsNotAskedWithTheNext) {
  using std::chrono::milliseconds;
  hold(version(1), Failure{ErrorCode::bad_answer, "503", milliseconds(9000)}, k_empty);
  EXPECT_EQ(failed().retry_after, milliseconds(9000));
  EXPECT_THAT(asked_, ElementsAre(next));
}

TEST_F(SlotChoiceTest, AStagedOneThatATrialDecidesIsLeftAlone) {
  promotion_ = Promotion::left_alone;
  hold(version(1), version(2), k_empty);
  EXPECT_EQ(taken(), current);
  EXPECT_THAT(asked_, ElementsAre(next, current));
  EXPECT_EQ(taken(), current);
  EXPECT_THAT(asked_, ElementsAre(current));
  hold(k_rejected, version(2), version(1));
  EXPECT_EQ(failed().detail, "no; the staged credential (version 2) works: fob credential promote p");
  EXPECT_THAT(asked_, ElementsAre(current, next));
  EXPECT_TRUE(promotions_.empty()) << "that one was left alone before";
}

TEST_F(SlotChoiceTest, OneThatWasLeftAloneStandsInWhereThatIsAllowed) {
  promotion_ = Promotion::left_alone;
  choice_ = SlotChoice("p", true);
  hold(k_rejected, version(2), version(1));
  EXPECT_EQ(taken(), next) << "the token that was just had, not one more";
  EXPECT_THAT(asked_, ElementsAre(next, current));
  EXPECT_EQ(choice_.fallback(), next);
}

TEST_F(SlotChoiceTest, AStagedOneThatWorksStandsInBeforeThePreviousOneHoweverItsPromotionsWent) {
  choice_ = SlotChoice("p", true);
  promotion_ = Promotion::left_alone;
  hold(k_rejected, version(2), version(1));
  EXPECT_EQ(taken(), next);
  promotion_ = Promotion::failed;
  hold(k_rejected, version(3), version(1));
  EXPECT_EQ(taken(), next);
  promotion_ = Promotion::left_alone;
  hold(no(ErrorCode::unreachable), version(3), version(1));
  EXPECT_EQ(failed().code, ErrorCode::unreachable);
  hold(k_rejected, version(3), version(1));
  EXPECT_EQ(taken(), next) << "that it worked once is no reason not to ask it again";
  EXPECT_THAT(asked_, ElementsAre(current, next));
}

TEST_F(SlotChoiceTest, AnotherOneThatIsStagedLaterIsPromotedAllTheSame) {
  promotion_ = Promotion::left_alone;
  hold(version(1), version(2), k_empty);
  taken();
  promotion_ = Promotion::promoted;
  hold(k_rejected, version(3), k_empty);
  EXPECT_EQ(taken(), next);
  EXPECT_THAT(promotions_, ElementsAre(3U));
}

TEST_F(SlotChoiceTest, OneThatCouldNotBePromotedIsUsedAndTriedFirstAgain) {
  promotion_ = Promotion::failed;
  hold(version(1), version(2), k_empty);
  EXPECT_EQ(taken(), next);
  EXPECT_EQ(taken(), next);
  EXPECT_THAT(asked_, ElementsAre(next));
  EXPECT_THAT(promotions_, ElementsAre(2U));
}

TEST_F(SlotChoiceTest, APreviousOneThatStillWorksIsOfferedAndNotAskedAgain) {
  hold(k_rejected, k_empty, version(1));
  EXPECT_EQ(failed().detail,
            "no; the previous credential (version 1) still works: fob credential rollback p");
  EXPECT_THAT(asked_, ElementsAre(next, current, previous));
  EXPECT_EQ(choice_.offer(), (Offer{previous, 1}));
  EXPECT_EQ(failed().detail,
            "no; the previous credential (version 1) still works: fob credential rollback p");
  EXPECT_THAT(asked_, ElementsAre(current));
}

TEST_F(SlotChoiceTest, OthersThatDoNotWorkAreAskedOnceForAsLongAsTheOneInForceIsRefused) {
  hold(k_rejected, k_empty, k_rejected);
  EXPECT_EQ(failed().detail, "no");
  EXPECT_THAT(asked_, ElementsAre(next, current, previous));
  failed();
  EXPECT_THAT(asked_, ElementsAre(current));
  hold(version(1), k_empty, k_rejected);
  EXPECT_EQ(taken(), current);
  hold(k_rejected, k_empty, k_rejected);
  failed();
  EXPECT_THAT(asked_, ElementsAre(current, next, previous)) << "it went well in between";
}

TEST_F(SlotChoiceTest, OthersWhoseAnswerSaysNothingAreAskedAgain) {
  hold(k_rejected, k_empty, no(ErrorCode::unreachable));
  EXPECT_EQ(failed().code, ErrorCode::rejected);
  hold(k_rejected, k_empty, version(1));
  failed();
  EXPECT_TRUE(choice_.offer());
  EXPECT_THAT(asked_, ElementsAre(current, previous)) << "but not the one that is known to be none";
}

TEST_F(SlotChoiceTest, AFallbackIsAskedFirstUntilItFails) {
  choice_ = SlotChoice("p", true);
  hold(k_rejected, k_empty, version(1));
  EXPECT_EQ(taken(), previous);
  EXPECT_EQ(choice_.fallback(), previous);
  EXPECT_EQ(taken(), previous);
  EXPECT_THAT(asked_, ElementsAre(previous));
  hold(version(2), k_empty, k_rejected);
  EXPECT_EQ(taken(), current);
  EXPECT_THAT(asked_, ElementsAre(previous, current));
  EXPECT_FALSE(choice_.fallback());
  EXPECT_FALSE(choice_.offer());
}

TEST_F(SlotChoiceTest, AFallbackOutlivesAnAuthorityThatIsAway) {
  choice_ = SlotChoice("p", true);
  hold(k_rejected, k_empty, version(1));
  taken();
  hold(k_rejected, k_empty, no(ErrorCode::unreachable));
  EXPECT_EQ(failed().code, ErrorCode::unreachable);
  EXPECT_THAT(asked_, ElementsAre(previous));
  EXPECT_EQ(choice_.fallback(), previous);
}

TEST_F(SlotChoiceTest, AFallbackThatIsRefusedTooGivesWayToTheOther) {
  promotion_ = Promotion::left_alone;
  choice_ = SlotChoice("p", true);
  hold(k_rejected, version(2), version(1));
  EXPECT_EQ(taken(), next);
  hold(k_rejected, k_rejected, version(1));
  EXPECT_EQ(taken(), previous);
  EXPECT_THAT(asked_, ElementsAre(next, current, previous));
}

TEST_F(SlotChoiceTest, AFallbackEndsWhenTheCredentialsChange) {
  choice_ = SlotChoice("p", true);
  hold(k_rejected, k_empty, version(1));
  taken();
  choice_.on_credential_changed();
  EXPECT_FALSE(choice_.fallback());
  hold(version(3), k_empty, version(1));
  EXPECT_EQ(taken(), current);
}

TEST_F(SlotChoiceTest, MayBeAllowedToFallBackOrForbiddenItMeanwhile) {
  hold(k_rejected, k_empty, version(1));
  EXPECT_FALSE(choice_.set_auto_fallback(false));
  failed();
  EXPECT_TRUE(choice_.set_auto_fallback(true)) << "a refresh now would have another outcome";
  EXPECT_EQ(taken(), previous);
  EXPECT_FALSE(choice_.set_auto_fallback(false));
  EXPECT_FALSE(choice_.fallback());
  failed();
  EXPECT_EQ(choice_.offer(), (Offer{previous, 1}));
}

TEST_F(SlotChoiceTest, AFirstCredentialThatIsRefusedIsTheOutcomeAndProbed) {
  hold(k_empty, k_rejected, k_empty);
  EXPECT_EQ(failed().code, ErrorCode::rejected);
  EXPECT_THAT(asked_, ElementsAre(next, current));
  EXPECT_EQ(failed().code, ErrorCode::rejected);
  EXPECT_THAT(asked_, ElementsAre(current, next)) << "there is no other to ask";
  hold(k_empty, version(1), k_empty);
  EXPECT_EQ(taken(), next);
}

TEST_F(SlotChoiceTest, WithoutAnyThereIsNoneAndThePreviousIsNotTaken) {
  choice_ = SlotChoice("p", true);
  hold(k_empty, k_empty, version(1));
  EXPECT_EQ(failed().code, ErrorCode::no_credential);
  EXPECT_THAT(asked_, ElementsAre(next, current));
  failed();
  EXPECT_THAT(asked_, ElementsAre(current)) << "that nothing is staged is known";
}

TEST_F(SlotChoiceTest, WithoutOneInForceOneThatATrialDecidesIsOfferedOnly) {
  promotion_ = Promotion::left_alone;
  choice_ = SlotChoice("p", true);
  hold(k_empty, version(2), k_empty);
  const auto failure = failed();
  EXPECT_EQ(failure.code, ErrorCode::no_credential);
  EXPECT_EQ(failure.detail, "no; the staged credential (version 2) works: fob credential promote p");
  EXPECT_EQ(choice_.offer(), (Offer{next, 2}));
  EXPECT_EQ(failed().detail, failure.detail) << "and again";
  EXPECT_THAT(asked_, ElementsAre(current, next));
}

TEST_F(SlotChoiceTest, WhatARefreshLearnsOfCredentialsThatChangedMeanwhileIsForgotten) {
  hold(version(1), k_empty, k_empty);
  choice_.begin();
  choice_.on_credential_changed();
  const auto step = choice_.on_failure(std::get<Failure>(k_rejected));
  EXPECT_EQ(std::get<SlotChoice::Ask>(step).slot, current);
  choice_.on_success(1);
  EXPECT_FALSE(choice_.staged_refusal());
  taken();
  EXPECT_EQ(asked_.front(), next) << "whether there is a staged one is unknown again";
}

TEST_F(SlotChoiceTest, AFallbackThatIsRefusedTooIsNoLongerOffered) {
  choice_ = SlotChoice("p", true);
  hold(k_rejected, k_empty, version(1));
  EXPECT_EQ(taken(), previous);
  EXPECT_EQ(choice_.offer(), (Offer{previous, 1}));
  hold(k_rejected, k_empty, k_rejected);
  EXPECT_EQ(failed().detail, "no");
  EXPECT_FALSE(choice_.offer());
  EXPECT_FALSE(choice_.fallback());
}

TEST_F(SlotChoiceTest, OneThatWasLeftAloneAndHasGoneSinceIsPromotedIfItComesAgain) {
  promotion_ = Promotion::left_alone;
  hold(version(1), version(2), k_empty);
  taken();
  hold(k_rejected, k_empty, k_empty);
  failed();
  EXPECT_THAT(asked_, ElementsAre(current, next, previous));
  hold(version(1), k_empty, k_empty);
  taken();
  promotion_ = Promotion::promoted;
  hold(k_rejected, version(2), k_empty);
  EXPECT_EQ(taken(), next);
  EXPECT_THAT(promotions_, ElementsAre(2U));
}

TEST_F(SlotChoiceTest, ARefusalOfAStagedOneIsForgottenOnceItWorks) {
  hold(k_empty, k_rejected, k_empty);
  failed();
  EXPECT_TRUE(choice_.staged_refusal());
  promotion_ = Promotion::left_alone;
  hold(k_empty, version(1), k_empty);
  failed();
  EXPECT_FALSE(choice_.staged_refusal());
}

TEST_F(SlotChoiceTest, ARefusalOfAStagedOneIsForgottenOnceItIsGone) {
  hold(k_empty, k_rejected, k_empty);
  failed();
  hold(k_empty, k_empty, k_empty);
  failed();
  EXPECT_FALSE(choice_.staged_refusal());
}

TEST_F(SlotChoiceTest, AFallbackThatCannotBePromotedIsNoneAnyMore) {
  promotion_ = Promotion::left_alone;
  choice_ = SlotChoice("p", true);
  hold(k_rejected, version(2), k_empty);
  EXPECT_EQ(taken(), next);
  EXPECT_EQ(choice_.fallback(), next);
  promotion_ = Promotion::failed;
  hold(k_rejected, version(3), k_empty);
  EXPECT_EQ(taken(), next);
  EXPECT_FALSE(choice_.fallback()) << "it is to be the one in force";
  EXPECT_EQ(taken(), next);
  EXPECT_THAT(asked_, ElementsAre(next)) << "and is tried first again";
}

TEST_F(SlotChoiceTest, OneThatWasPromotedLeavesNothingOfTheOneBefore) {
  hold(k_rejected, k_empty, version(1));
  failed();
  EXPECT_TRUE(choice_.offer());
  choice_.on_credential_changed();
  hold(k_rejected, version(2), version(1));
  EXPECT_EQ(taken(), next);
  EXPECT_FALSE(choice_.offer());
}

TEST_F(SlotChoiceTest, LeaveToFallBackIsNothingNewWhereTheOneInForceWorksAgain) {
  hold(k_rejected, k_empty, version(1));
  failed();
  hold(version(2), k_empty, version(1));
  taken();
  EXPECT_FALSE(choice_.offer());
  EXPECT_FALSE(choice_.set_auto_fallback(true));
}

TEST_F(SlotChoiceTest, LeaveToFallBackForgetsAnOfferUntilItIsAskedAgain) {
  hold(k_rejected, k_empty, version(1));
  failed();
  EXPECT_TRUE(choice_.set_auto_fallback(true));
  EXPECT_FALSE(choice_.offer());
  EXPECT_FALSE(choice_.set_auto_fallback(true)) << "nothing has changed";
}

TEST_F(SlotChoiceTest, ARefusalThatAsksForAPauseIsARefusalAllTheSame) {
  using std::chrono::milliseconds;
  hold(k_rejected, Failure{ErrorCode::rejected, "no", milliseconds(9000)}, version(1));
  EXPECT_EQ(failed().detail,
            "no; the previous credential (version 1) still works: fob credential rollback p");
  EXPECT_THAT(asked_, ElementsAre(next, current, previous));
}

TEST_F(SlotChoiceTest, OneInForceThatFailsOtherwiseIsTheOutcomeWhateverElseThereIs) {
  hold(no(ErrorCode::bad_answer), k_empty, version(1));
  EXPECT_EQ(failed().code, ErrorCode::bad_answer);
  EXPECT_THAT(asked_, ElementsAre(next, current));
  EXPECT_FALSE(choice_.set_auto_fallback(true)) << "it is not refused";
}

TEST_F(SlotChoiceTest, WithoutOneInForceAStagedOnesFailureIsTheOutcome) {
  hold(k_empty, no(ErrorCode::bad_answer), k_empty);
  EXPECT_EQ(failed().code, ErrorCode::bad_answer);
  EXPECT_THAT(asked_, ElementsAre(next, current));
}

TEST_F(SlotChoiceTest, ACommandPutsEachOfferInForce) {
  EXPECT_EQ(command_of({previous, 1}), "rollback");
  EXPECT_EQ(command_of({next, 1}), "promote");
}

TEST_F(SlotChoiceTest, WhatCredentialsThatChangedTwiceMeanwhileTeachIsForgottenAsWell) {
  choice_ = SlotChoice("p", true);
  hold(k_rejected, k_empty, version(1));
  taken();
  choice_.begin();
  choice_.on_credential_changed();
  choice_.on_credential_changed();
  EXPECT_TRUE(std::holds_alternative<SlotChoice::Take>(choice_.on_success(1)))
      << "a refresh under way goes on by what it began with";
  EXPECT_FALSE(choice_.fallback());
}

TEST_F(SlotChoiceTest, AfterAPromotionNothingIsStagedUntilTheCredentialsChange) {
  hold(version(1), version(2), k_empty);
  EXPECT_EQ(taken(), next);
  hold(k_rejected, k_empty, version(1));
  failed();
  EXPECT_THAT(asked_, ElementsAre(current, next, previous)) << "nor has anything been refused";
  choice_ = SlotChoice("p", false);
  hold(version(1), version(2), k_empty);
  EXPECT_EQ(taken(), next);
  hold(k_empty, version(3), k_empty);
  EXPECT_EQ(failed().code, ErrorCode::no_credential);
  EXPECT_THAT(asked_, ElementsAre(current));
}

TEST_F(SlotChoiceTest, AnOfferOutlastsAStagedOneThatFailsOtherwise) {
  hold(k_rejected, no(ErrorCode::bad_answer), version(1));
  failed();
  EXPECT_THAT(asked_, ElementsAre(next, current, previous));
  failed();
  EXPECT_THAT(asked_, ElementsAre(next, current)) << "the previous one is not asked again";
  EXPECT_EQ(choice_.offer(), (Offer{previous, 1}));
}

TEST_F(SlotChoiceTest, LeaveToFallBackHasOthersAskedOnceMoreThatDidNotWork) {
  hold(k_rejected, k_empty, k_rejected);
  failed();
  EXPECT_TRUE(choice_.set_auto_fallback(true));
  failed();
  EXPECT_THAT(asked_, ElementsAre(current, next, previous));
}

TEST_F(SlotChoiceTest, WithoutAnyItIsTheOneInForceThatIsMissed) {
  hold(Failure{ErrorCode::no_credential, "none in force", {}},
       Failure{ErrorCode::no_credential, "none staged", {}}, k_empty);
  EXPECT_EQ(failed().detail, "none in force");
}

// Random credentials, changes and settings at any time, for many refreshes of one choice each.
class World {
 public:
  explicit World(std::uint64_t seed) : draw_(seed), allowed_(chance(2)), choice_("p", allowed_) {}

  void refresh() {
    std::array<int, 3> asked{};
    std::array<bool, 3> worked{};
    bool promoted = false;
    SlotChoice::Step step = choice_.begin();
    for (int steps = 0;; ++steps) {
      ASSERT_LE(steps, 4) << "three asks and a promotion are the most";
      maybe_change();
      if (const auto* ask = std::get_if<SlotChoice::Ask>(&step)) {
        const auto slot = static_cast<std::size_t>(ask->slot);
        ASSERT_EQ(++asked[slot], 1) << "no slot twice";
        ASSERT_FALSE(worked[0]) << "the one in force works: there is nothing more to ask";
        worked[slot] = chance(2);
        step = worked[slot] ? choice_.on_success(below(3) + 1) : choice_.on_failure({kind(), "no", {}});
      } else if (std::holds_alternative<SlotChoice::PromoteStaged>(step)) {
        ASSERT_TRUE(worked[1]);
        const auto outcome = static_cast<Promotion>(below(3));
        promoted = outcome != Promotion::left_alone;
        step = choice_.on_promotion(outcome);
        if (promoted) {
          ASSERT_TRUE(std::holds_alternative<SlotChoice::Take>(step));
        }
      } else {
        return check_outcome(step, worked, promoted);
      }
    }
  }

 private:
  void check_outcome(const SlotChoice::Step& step, const std::array<bool, 3>& worked, bool promoted) {
    if (const auto* taken = std::get_if<SlotChoice::Take>(&step)) {
      ASSERT_TRUE(worked[static_cast<std::size_t>(taken->slot)]) << "only what brought a token is taken";
      if (worked[0]) {
        ASSERT_EQ(taken->slot, current);
      }
      if (promoted) {
        ASSERT_EQ(taken->slot, next);
      }
      if (taken->slot == previous && !changed_) {
        ASSERT_EQ(choice_.fallback(), previous) << "told of, and never without leave";
      }
    } else {
      ASSERT_FALSE(worked[0] || promoted) << "a token that must be used was lost";
      const bool refused = policy_of(std::get<Failure>(step).code).refused;
      if (refused && allowed_ && !changed_) {
        ASSERT_FALSE(worked[1] || worked[2]) << "a token that may be used was lost";
      }
    }
    changed_ = false;
  }

  void maybe_change() {
    if (chance(8)) {
      changed_ = true;
      choice_.on_credential_changed();
    }
    if (chance(8)) {
      changed_ = true;
      allowed_ = chance(2);
      choice_.set_auto_fallback(allowed_);
    }
  }

  std::uint64_t below(std::uint64_t bound) { return draw_() % bound; }
  bool chance(std::uint64_t one_in) { return below(one_in) == 0; }
  ErrorCode kind() {
    constexpr std::array k_kinds = {ErrorCode::no_credential, ErrorCode::rejected,    ErrorCode::forbidden,
                                    ErrorCode::rate_limited,  ErrorCode::unreachable, ErrorCode::timeout,
                                    ErrorCode::tls,           ErrorCode::clock_wrong, ErrorCode::bad_answer,
                                    ErrorCode::store_locked,  ErrorCode::config};
    return chance(2) ? k_kinds.at(below(3)) : k_kinds.at(below(k_kinds.size()));
  }

  std::mt19937_64 draw_;
  bool allowed_;
  SlotChoice choice_;
  bool changed_ = false;
};

TEST(SlotChoiceProperty, EndsAsksNoSlotTwiceAndLosesNoTokenThatMustBeUsed) {
#ifdef FOB_SANITIZED
  constexpr std::uint64_t k_worlds = 5'000;
#else
  constexpr std::uint64_t k_worlds = 100'000;
#endif
  for (std::uint64_t seed = 0; seed < k_worlds; ++seed) {
    World world(seed);
    for (int i = 0; i < 12; ++i) world.refresh();
    if (::testing::Test::HasFatalFailure()) FAIL() << "seed " << seed;
  }
}

}  // namespace
}  // namespace fob::core
