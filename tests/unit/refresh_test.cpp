#include "daemon/core/refresh.hpp"

#include "daemon/core/refresh_draw.hpp"

#include <gtest/gtest.h>

#include <random>

namespace fob::core {
namespace {

using namespace std::chrono_literals;

const BootTime k_start{1h};

TokenPtr a_token(BootTime started, std::chrono::nanoseconds lifetime, std::string name = "t",
                 std::uint64_t version = 1) {
  return std::make_shared<Token>(Token{name, name, {}, version, started, started + lifetime});
}

Failure a_failure(ErrorCode code) { return {code, "because", std::nullopt}; }

// A machine that has had its first token, 100 s of life, at k_start.
Refresh with_token() {
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  machine.on_token(k_start, a_token(k_start, 100s), 0.5);
  return machine;
}

TEST(Refresh, ExchangesAtOnceWhenStarted) {
  Refresh machine({}, k_start);
  EXPECT_TRUE(machine.on_start(k_start).exchange);
  EXPECT_TRUE(machine.exchanging());
}

TEST(Refresh, OnDemandWaitsForAnAppToAsk) {
  Refresh machine({.on_demand = true}, k_start);
  const auto actions = machine.on_start(k_start);
  EXPECT_FALSE(actions.exchange);
  EXPECT_FALSE(actions.wake_at);
  EXPECT_TRUE(machine.asleep());
  const auto answer = machine.on_demand(k_start, {}, k_start + 5s);
  EXPECT_EQ(answer.verdict, Verdict::wait);
  EXPECT_TRUE(answer.actions.exchange);
  EXPECT_FALSE(machine.on_token(k_start, a_token(k_start, 100s), 0.5).wake_at) << "no timer, no radio";
}

TEST(Refresh, RefreshesBetweenSeventyAndEightyFivePercentOfTheLifetime) {
  for (const double draw : {0.0, 0.5, 0.999}) {
    Refresh machine({}, k_start);
    machine.on_start(k_start);
    const auto actions = machine.on_token(k_start + 1s, a_token(k_start, 1000s), draw);
    ASSERT_TRUE(actions.wake_at);
    EXPECT_GE(*actions.wake_at, k_start + 700s);
    EXPECT_LE(*actions.wake_at, k_start + 850s);
    EXPECT_EQ(machine.reason(), Reason::refresh);
  }
}

TEST(Refresh, ServesTheTokenAtHandWhileItLives) {
  Refresh machine = with_token();
  EXPECT_EQ(machine.on_demand(k_start + 50s, {}, k_start + 55s).verdict, Verdict::serve);
  EXPECT_TRUE(machine.token(k_start + 99s));
  EXPECT_FALSE(machine.token(k_start + 100s)) << "a dead token is no token";
}

TEST(Refresh, ServesTheOldTokenWhileTheAuthorityIsAway) {
  Refresh machine = with_token();
  machine.on_timer(k_start + 80s);
  machine.on_failure(k_start + 81s, a_failure(ErrorCode::unreachable), 0.5);
  EXPECT_EQ(machine.on_demand(k_start + 82s, 1s, k_start + 87s).verdict, Verdict::serve);
  EXPECT_TRUE(machine.token(k_start + 99s));
}

TEST(Refresh, JoinsAnExchangeThatIsUnderWay) {
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  for (int i = 0; i < 40; ++i) {
    const auto answer = machine.on_demand(k_start, {}, k_start + 5s);
    EXPECT_EQ(answer.verdict, Verdict::wait);
    EXPECT_FALSE(answer.actions.exchange);
  }
}

TEST(Refresh, BringsARefreshForwardForAMinTtl) {
  Refresh machine = with_token();
  const auto answer = machine.on_demand(k_start + 50s, 60s, k_start + 55s);
  EXPECT_EQ(answer.verdict, Verdict::wait);
  EXPECT_TRUE(answer.actions.exchange);
}

TEST(Refresh, NeverExchangesForMoreThanAFreshTokenCanGive) {
  Refresh machine = with_token();
  EXPECT_EQ(machine.on_demand(k_start + 50s, 3600s, k_start + 55s).verdict, Verdict::serve);
}

TEST(Refresh, NeverReplacesATokenThatIsTooNewForAMinTtl) {
  Refresh machine = with_token();
  EXPECT_EQ(machine.on_demand(k_start + 9s, 99s, k_start + 14s).verdict, Verdict::serve);
  EXPECT_EQ(machine.on_demand(k_start + 11s, 99s, k_start + 16s).verdict, Verdict::wait);
}

TEST(Refresh, FailsAtOnceWhereTheNextAttemptIsBeyondThePatience) {
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  machine.on_failure(k_start, a_failure(ErrorCode::rejected), 0.5);
  EXPECT_EQ(machine.on_demand(k_start + 1s, {}, k_start + 6s).verdict, Verdict::fail);
  ASSERT_TRUE(machine.last_failure());
  EXPECT_EQ(machine.last_failure()->code, ErrorCode::rejected);
}

TEST(Refresh, WaitsForARetryThatComesInTime) {
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  machine.on_failure(k_start, a_failure(ErrorCode::unreachable), 0.0);
  EXPECT_EQ(machine.on_demand(k_start, {}, k_start + 5s).verdict, Verdict::wait);
}

TEST(Refresh, ADemandNeverShortensABackoff) {
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  machine.on_failure(k_start, a_failure(ErrorCode::unreachable), 0.5);
  EXPECT_FALSE(machine.on_demand(k_start + 1ms, {}, k_start + 5s).actions.exchange);
}

TEST(Refresh, ProbesARejectedCredentialSlowly) {
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  const auto first = machine.on_failure(k_start, a_failure(ErrorCode::rejected), 0.0);
  EXPECT_EQ(first.wake_at, k_start + 5min);
  EXPECT_EQ(machine.reason(), Reason::probe);
  BootTime now = *first.wake_at;
  std::chrono::nanoseconds last{};
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(machine.on_timer(now).exchange);
    const auto next = machine.on_failure(now, a_failure(ErrorCode::rejected), 0.0);
    last = *next.wake_at - now;
    now = *next.wake_at;
  }
  EXPECT_EQ(last, 1h);
}

TEST(Refresh, TriesAtOnceWhenTheCredentialChanges) {
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  machine.on_failure(k_start, a_failure(ErrorCode::rejected), 0.5);
  EXPECT_TRUE(machine.on_credential_changed(k_start + 1s).exchange);
}

TEST(Refresh, ExchangesAgainWhereTheCredentialChangedDuringAnExchange) {
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  EXPECT_FALSE(machine.on_credential_changed(k_start).exchange) << "one in flight at most";
  EXPECT_TRUE(machine.on_token(k_start, a_token(k_start, 100s, "old"), 0.5).exchange);
  machine.on_token(k_start + 1s, a_token(k_start, 100s, "new", 2), 0.5);
  EXPECT_EQ(machine.token(k_start + 1s)->fingerprint, "new");
}

TEST(Refresh, ATokenOfTheCredentialBeforeNeverReplacesTheOneAtHand) {
  Refresh machine = with_token();
  machine.on_timer(k_start + 80s);
  machine.on_credential_changed(k_start + 81s);
  machine.on_token(k_start + 82s, a_token(k_start + 80s, 100s, "late"), 0.5);
  EXPECT_EQ(machine.token(k_start + 82s)->fingerprint, "t");
}

TEST(Refresh, ForgetsTheTokenOfACredentialThatWasRemoved) {
  Refresh machine = with_token();
  machine.on_credential_changed(k_start + 1s);
  machine.on_failure(k_start + 2s, a_failure(ErrorCode::no_credential), 0.5);
  EXPECT_FALSE(machine.token(k_start + 2s));
}

TEST(Refresh, ForgetsTheTokenOfACredentialThatWasRemovedDuringAnExchange) {
  Refresh machine = with_token();
  machine.on_refresh_wanted(k_start + 1s);
  machine.on_credential_changed(k_start + 2s);
  EXPECT_TRUE(machine.on_token(k_start + 3s, a_token(k_start + 1s, 100s, "late"), 0.5).exchange);
  machine.on_failure(k_start + 4s, a_failure(ErrorCode::no_credential), 0.5);
  EXPECT_FALSE(machine.token(k_start + 4s));
}

TEST(Refresh, OtherSettingsLeaveTheTokenAndItsRefresh) {
  Refresh machine = with_token();
  const auto before = machine.next_attempt();
  const auto actions =
      machine.on_settings_changed(k_start + 1s, {.on_demand = false, .idle_after = 30s}, false);
  EXPECT_FALSE(actions.exchange);
  EXPECT_EQ(actions.wake_at, before);
  EXPECT_TRUE(machine.token(k_start + 1s));
}

TEST(Refresh, AnotherWayToTheAuthorityIsTriedAtOnce) {
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  machine.on_failure(k_start, a_failure(ErrorCode::tls), 0.5);
  EXPECT_TRUE(machine.on_settings_changed(k_start + 1ms, {}, true).exchange);
}

TEST(Refresh, KeepsTheTokenWhereARefreshFindsNoCredential) {
  Refresh machine = with_token();
  machine.on_timer(k_start + 80s);
  machine.on_failure(k_start + 81s, a_failure(ErrorCode::no_credential), 0.5);
  EXPECT_TRUE(machine.token(k_start + 82s));
}

TEST(Refresh, ObeysARetryAfterAndJittersOnTop) {
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  const auto actions = machine.on_failure(k_start, {ErrorCode::rate_limited, "", 90s}, 0.5);
  EXPECT_EQ(actions.wake_at, k_start + 90s + 2s) << "else it would bring all clients back together";
}

TEST(Refresh, ARejectedTokenIsReplacedOnceForAll) {
  Refresh machine = with_token();
  const auto first = machine.on_rejected(k_start + 50s, "t", k_start + 55s);
  EXPECT_EQ(first.verdict, Verdict::wait);
  EXPECT_TRUE(first.actions.exchange);
  EXPECT_FALSE(machine.on_rejected(k_start + 50s, "t", k_start + 55s).actions.exchange);
}

TEST(Refresh, ARejectionOfAnOldTokenGetsTheOneAtHand) {
  Refresh machine = with_token();
  EXPECT_EQ(machine.on_rejected(k_start + 50s, "older", k_start + 55s).verdict, Verdict::serve);
}

TEST(Refresh, ANewTokenIsReplacedWhenItIsRejectedButNotOneThatReplacedARejectedOne) {
  Refresh machine = with_token();
  EXPECT_TRUE(machine.on_rejected(k_start + 1s, "t", k_start + 6s).actions.exchange);
  machine.on_token(k_start + 2s, a_token(k_start + 1s, 100s), 0.5);
  EXPECT_EQ(machine.on_rejected(k_start + 3s, "t", k_start + 8s).verdict, Verdict::too_soon);
  EXPECT_EQ(machine.rejectable_from(), k_start + 11s);
  EXPECT_EQ(machine.on_rejected(k_start + 10s, "t", k_start + 15s).verdict, Verdict::too_soon);
  EXPECT_TRUE(machine.on_rejected(k_start + 11s, "t", k_start + 16s).actions.exchange);
}

TEST(Refresh, ATokenRejectedTheMomentItCameIsReplacedAMomentLaterOnceForAll) {
  Refresh machine = with_token();
  const auto first = machine.on_rejected(k_start + 1ms, "t", k_start + 5s);
  EXPECT_EQ(first.verdict, Verdict::wait);
  EXPECT_FALSE(first.actions.exchange);
  EXPECT_LT(first.actions.wake_at, k_start + 1s);
  const auto second = machine.on_rejected(k_start + 2ms, "t", k_start + 5s);
  EXPECT_EQ(second.verdict, Verdict::wait);
  EXPECT_EQ(second.actions.wake_at, first.actions.wake_at);
  EXPECT_TRUE(machine.on_timer(*first.actions.wake_at).exchange);
}

TEST(Refresh, RejectionsCauseAnExchangeEachTenthOfALifeAtMost) {
  Refresh machine = with_token();
  int exchanges = 0;
  std::optional<BootTime> wake;
  for (BootTime now = k_start; now < k_start + 60s; now += 100ms) {
    Actions actions = machine.on_rejected(now, "t", now + 5s).actions;
    if (!actions.exchange && wake && *wake <= now) actions = machine.on_timer(now);
    wake = actions.wake_at;
    if (!actions.exchange) continue;
    ++exchanges;
    machine.on_token(now, a_token(now, 100s), 0.5);
  }
  EXPECT_EQ(exchanges, 6);
}

TEST(Refresh, ARejectionDoesNotShortenABackoffAndHearsWhyThereIsNoOtherToken) {
  Refresh machine = with_token();
  EXPECT_TRUE(machine.on_rejected(k_start + 30s, "t", k_start + 35s).actions.exchange);
  const auto failed = machine.on_failure(k_start + 31s, a_failure(ErrorCode::unreachable), 0.5);
  const auto again = machine.on_rejected(k_start + 31s, "t", k_start + 31s);
  EXPECT_FALSE(again.actions.exchange);
  EXPECT_EQ(again.verdict, Verdict::fail) << "no token has replaced it";
  EXPECT_EQ(again.actions.wake_at, failed.wake_at);
  EXPECT_EQ(machine.on_rejected(k_start + 31s, "t", k_start + 100s).verdict, Verdict::wait);
}

TEST(Refresh, ARejectionBeforeARotationIsNoneOfTheNewCredential) {
  Refresh machine = with_token();
  machine.on_rejected(k_start + 30s, "t", k_start + 35s);
  machine.on_token(k_start + 31s, a_token(k_start + 31s, 100s), 0.5);
  machine.on_credential_changed(k_start + 32s);
  machine.on_token(k_start + 33s, a_token(k_start + 33s, 100s), 0.5);
  EXPECT_TRUE(machine.on_rejected(k_start + 35s, "t", k_start + 40s).actions.exchange);
}

TEST(Refresh, ATokenThatArrivesDeadIsAFailure) {
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  machine.on_token(k_start + 10s, a_token(k_start, 5s), 0.5);
  EXPECT_FALSE(machine.token(k_start + 10s));
  ASSERT_TRUE(machine.last_failure());
  EXPECT_EQ(machine.last_failure()->code, ErrorCode::bad_answer);
}

TEST(Refresh, SleepsWhenNobodyHasAskedForLong) {
  Refresh machine({.on_demand = false, .idle_after = 30s}, k_start);
  machine.on_start(k_start);
  const auto armed = machine.on_token(k_start, a_token(k_start, 100s), 0.5);
  const auto actions = machine.on_timer(*armed.wake_at);
  EXPECT_FALSE(actions.exchange);
  EXPECT_FALSE(actions.wake_at);
  EXPECT_TRUE(machine.asleep());
  EXPECT_TRUE(machine.on_demand(k_start + 200s, {}, k_start + 205s).actions.exchange);
}

// A device whose authority answers nothing but failures, asked all the time: 15 s must see fewer than 25
// attempts.
TEST(Refresh, AttemptsAreBoundedUnderEveryFailure) {
  std::mt19937 generator(1);
  std::uniform_real_distribution<double> draw(0, 1);
  for (const ErrorCode code :
       {ErrorCode::rejected, ErrorCode::forbidden, ErrorCode::rate_limited, ErrorCode::unreachable,
        ErrorCode::timeout, ErrorCode::tls, ErrorCode::clock_wrong, ErrorCode::bad_answer,
        ErrorCode::store_locked, ErrorCode::config, ErrorCode::no_credential}) {
    Refresh machine({}, k_start);
    Actions actions = machine.on_start(k_start);
    int attempts = 0;
    for (BootTime now = k_start; now < k_start + 15s; now += 10ms) {
      if (actions.exchange) {
        ++attempts;
        machine.on_failure(now, a_failure(code), draw(generator));
      }
      actions = machine.on_timer(now);
      if (!actions.exchange) actions = machine.on_demand(now, {}, now + 5s).actions;
    }
    EXPECT_LT(attempts, 25) << traits(code).kind;
    EXPECT_GE(attempts, 1);
  }
}

Refresh failing(ErrorCode kind, std::optional<std::chrono::milliseconds> retry_after = std::nullopt) {
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  machine.on_failure(k_start, {kind, "because", retry_after}, 0.9);
  return machine;
}

TEST(Refresh, AWaitEndsWithTheChangeThatMayMendIt) {
  const auto tried_again = [](ErrorCode kind, Change change) {
    return failing(kind).on_change(k_start + 2s, change).exchange;
  };
  for (const auto kind :
       {ErrorCode::unreachable, ErrorCode::timeout, ErrorCode::tls, ErrorCode::bad_answer}) {
    EXPECT_TRUE(tried_again(kind, Change::network_up)) << traits(kind).kind;
    EXPECT_TRUE(tried_again(kind, Change::resumed)) << traits(kind).kind;
  }
  EXPECT_TRUE(tried_again(ErrorCode::clock_wrong, Change::clock_set));
  EXPECT_TRUE(tried_again(ErrorCode::tls, Change::clock_set));
  EXPECT_FALSE(tried_again(ErrorCode::unreachable, Change::clock_set));
  for (const auto kind : {ErrorCode::rejected, ErrorCode::rate_limited, ErrorCode::no_credential})
    for (const auto change : {Change::network_up, Change::clock_set, Change::resumed})
      EXPECT_FALSE(tried_again(kind, change)) << traits(kind).kind;
}

TEST(Refresh, AWaitThatTheAuthorityAskedForIsKeptWhateverTheNetworkDoes) {
  EXPECT_FALSE(failing(ErrorCode::bad_answer, 60s).on_change(k_start + 2s, Change::network_up).exchange);
}

TEST(Refresh, AFlappingNetworkMakesNoMoreThanOneAttemptASecond) {
  Refresh machine = failing(ErrorCode::unreachable);
  const auto actions = machine.on_change(k_start + 100ms, Change::network_up);
  EXPECT_FALSE(actions.exchange);
  EXPECT_EQ(actions.wake_at, k_start + 1s);
}

TEST(Refresh, AnExchangeThatHangsWhenTheNetworkComesUpBeginsAnew) {
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  const auto actions = machine.on_change(k_start + 5s, Change::network_up);
  EXPECT_TRUE(actions.abandon);
  EXPECT_TRUE(actions.exchange);
  // The address comes after the link; the exchange that began between them is given its second, no more.
  EXPECT_EQ(machine.on_change(k_start + 5300ms, Change::network_up).wake_at, k_start + 6s);
  EXPECT_TRUE(machine.on_timer(k_start + 6s).abandon);
}

// Runs ten minutes in which the network comes up every three seconds and each exchange ends, as it may, after
// `takes`. How often one began, and how often one ended.
std::pair<int, int> ten_flapping_minutes(std::chrono::seconds takes, bool well) {
  Refresh machine({}, k_start);
  int begun = 0, ended = 0;
  std::optional<BootTime> timer, end;
  const auto obey = [&](BootTime now, Actions actions) {
    if (actions.exchange) {
      ++begun;
      end = now + takes;
    }
    timer = actions.wake_at;
  };
  obey(k_start, machine.on_start(k_start));
  for (BootTime now = k_start; now < k_start + 600s; now += 100ms) {
    if (end && *end <= now) {
      ++ended;
      end.reset();
      obey(now, well ? machine.on_token(now, a_token(now, 10000s), 0.5)
                     : machine.on_failure(now, a_failure(ErrorCode::unreachable), 0.5));
    }
    if (timer && *timer <= now) obey(now, machine.on_timer(now));
    if ((now - k_start) % 3s == 0s) obey(now, machine.on_change(now, Change::network_up));
  }
  return {begun, ended};
}

TEST(Refresh, ANetworkThatFlapsForEverLetsASlowExchangeEnd) {
  const auto [begun, ended] = ten_flapping_minutes(13s, true);
  EXPECT_EQ(ended, 1);
  EXPECT_LE(begun, 8);
}

TEST(Refresh, ANetworkThatFlapsForEverDoesNotSetTheRhythm) {
  const auto [begun, ended] = ten_flapping_minutes(0s, false);
  EXPECT_LE(begun, 40) << "an attempt every three seconds would be 200";
  EXPECT_GE(begun, 10);
}

TEST(Refresh, OfSeveralChangesNoneIsForgotten) {
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  machine.on_change(k_start + 100ms, Change::network_up);
  machine.on_change(k_start + 200ms, Change::clock_set);
  const auto actions = machine.on_failure(k_start + 300ms, a_failure(ErrorCode::unreachable), 0.9);
  EXPECT_EQ(actions.wake_at, k_start + 1s);
}

TEST(Refresh, AConfigurationMendedDuringAnExchangeIsTriedWhenThatFails) {
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  machine.on_settings_changed(k_start + 1s, {}, true);
  EXPECT_TRUE(machine.on_failure(k_start + 2s, a_failure(ErrorCode::config), 0.5).exchange);
  EXPECT_FALSE(machine.on_failure(k_start + 3s, a_failure(ErrorCode::config), 0.5).exchange);
}

TEST(Refresh, AnExchangeBegunAfterTheCredentialChangedIsTheNewOnes) {
  Refresh machine = with_token();
  machine.on_timer(k_start + 80s);
  machine.on_credential_changed(k_start + 82s);
  EXPECT_TRUE(machine.on_change(k_start + 83s, Change::network_up).abandon);
  EXPECT_FALSE(machine.on_token(k_start + 84s, a_token(k_start + 83s, 100s, "new", 2), 0.5).exchange);
  EXPECT_EQ(machine.token(k_start + 84s)->access_token, "new");
}

TEST(Refresh, AReloadDoesNotShortenAWaitOfAProfileOnDemand) {
  Refresh machine({.on_demand = true}, k_start);
  machine.on_start(k_start);
  machine.on_demand(k_start, {}, k_start + 5s);
  machine.on_token(k_start, a_token(k_start, 100s), 0.5);
  machine.on_refresh_wanted(k_start + 50s);
  machine.on_failure(k_start + 51s, {ErrorCode::rate_limited, "", 60s}, 0.5);
  machine.on_settings_changed(k_start + 52s, {.on_demand = true}, false);
  EXPECT_FALSE(machine.on_demand(k_start + 95s, 60s, k_start + 96s).actions.exchange);
}

TEST(Refresh, AnExchangeThatHadJustBegunWhenTheNetworkCameUpMayEndAndIsThenTriedAgainSoon) {
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  EXPECT_FALSE(machine.on_change(k_start + 200ms, Change::network_up).abandon);
  const auto actions = machine.on_failure(k_start + 300ms, a_failure(ErrorCode::unreachable), 0.9);
  EXPECT_EQ(actions.wake_at, k_start + 1s);
}

TEST(Refresh, AfterSleepThatOutlastedTheTokenItIsReplacedAtOnce) {
  Refresh machine = with_token();
  EXPECT_TRUE(machine.on_change(k_start + 8h, Change::resumed).exchange);
}

TEST(Refresh, AChangeIsNothingToAProfileThatSleepsOrIsWell) {
  EXPECT_FALSE(with_token().on_change(k_start + 10s, Change::network_up).exchange);
  Refresh sleeping({.on_demand = true}, k_start);
  sleeping.on_start(k_start);
  const auto actions = sleeping.on_change(k_start + 8h, Change::resumed);
  EXPECT_FALSE(actions.exchange);
  EXPECT_FALSE(actions.wake_at);
  EXPECT_FALSE(sleeping.minds_network());
}

TEST(Refresh, AFollowedProfileIsKeptFreshAndItsDeathIsPublished) {
  Refresh machine({.on_demand = true}, k_start);
  machine.on_start(k_start);
  EXPECT_TRUE(machine.on_followed(k_start, true).exchange);
  const auto alive = machine.on_token(k_start, a_token(k_start, 100s), 0.5);
  EXPECT_TRUE(alive.publish);
  EXPECT_TRUE(alive.wake_at) << "kept fresh, though on demand";
  machine.on_timer(k_start + 80s);
  machine.on_failure(k_start + 90s, {ErrorCode::rate_limited, "because", 60s}, 0.5);
  const auto waiting = machine.on_timer(k_start + 95s);
  EXPECT_FALSE(waiting.publish);
  EXPECT_EQ(waiting.wake_at, k_start + 100s);
  const auto dead = machine.on_timer(k_start + 100s);
  EXPECT_TRUE(dead.publish);
  EXPECT_EQ(machine.availability(k_start + 100s), (Availability{nullptr, ErrorCode::rate_limited}));
  EXPECT_EQ(dead.wake_at, k_start + 90s + 60s + 2s);
}

TEST(Refresh, AProfileThatFellAsleepAndIsAskedForAgainIsKeptFreshAgain) {
  Refresh machine({.idle_after = 30s}, k_start);
  machine.on_start(k_start);
  machine.on_token(k_start, a_token(k_start, 100s), 0.0);
  EXPECT_FALSE(machine.on_timer(k_start + 70s).wake_at);
  const auto answer = machine.on_demand(k_start + 75s, 1s, k_start + 80s);
  EXPECT_EQ(answer.verdict, Verdict::serve) << "the token at hand is good enough";
  EXPECT_TRUE(answer.actions.exchange) << "and the refresh that was let go by is due";
}

TEST(RefreshDraw, StaysWithinItsBoundsAndScattersOverTheWholeLife) {
  EXPECT_DOUBLE_EQ(draw(0.0), 0.70);
  EXPECT_LT(draw(0.9999), 0.85);
  EXPECT_DOUBLE_EQ(draw_to_scatter(0.0), 0.0);
  EXPECT_NEAR(draw_to_scatter(1.0), 0.85, 1e-6);
  EXPECT_NEAR(draw_to_scatter(0.5), 0.5 * 0.775, 1e-9);
  double before = -1;
  for (double unit = 0; unit < 1; unit += 0.001) {
    EXPECT_GT(draw_to_scatter(unit), before);
    before = draw_to_scatter(unit);
  }
}

// At which part of a token of 1000 s that comes at `now` it is to be replaced, the draw being 0.5.
double refreshed_at(Refresh& machine, BootTime now) {
  const auto wake_at = machine.on_token(now, a_token(now, 1000s), 0.5).wake_at;
  return wake_at ? std::chrono::duration<double>(*wake_at - now) / 1000s : 0;
}

TEST(Refresh, ADeviceThatMayBeOneOfManyScattersItsFirstRefreshOnly) {
  const BootTime boot(20s);
  Refresh booting({}, boot);
  booting.on_start(boot);
  EXPECT_NEAR(refreshed_at(booting, boot), 0.3875, 1e-6);
  booting.on_timer(boot + 500s);
  EXPECT_NEAR(refreshed_at(booting, boot + 500s), 0.775, 1e-6);

  Refresh recovering = failing(ErrorCode::unreachable);
  recovering.on_timer(k_start + 60s);
  EXPECT_NEAR(refreshed_at(recovering, k_start + 60s), 0.3875, 1e-6);

  Refresh enrolled = failing(ErrorCode::no_credential);
  enrolled.on_credential_changed(k_start + 60s);
  EXPECT_NEAR(refreshed_at(enrolled, k_start + 60s), 0.775, 1e-6) << "what a person mends, one device had";
}

// Had a token of 1000 s that was due at 700 s, when an outage began; and now tries again.
Refresh held_up_until(BootTime now) {
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  machine.on_token(k_start, a_token(k_start, 1000s), 0.0);
  machine.on_timer(k_start + 700s);
  machine.on_failure(k_start + 701s, a_failure(ErrorCode::unreachable), 0.9);
  machine.on_timer(now);
  return machine;
}

TEST(Refresh, AfterAnOutageRefreshesGoOnInTheOrderInWhichTheyWereDue) {
  Refresh machine = held_up_until(k_start + 900s);
  EXPECT_NEAR(refreshed_at(machine, k_start + 900s), 0.775 - 0.2, 1e-6) << "due at 700, and 775 after that";
}

TEST(Refresh, AnOutageThatOutlastsTheOrderScatters) {
  Refresh machine = held_up_until(k_start + 5000s);
  EXPECT_NEAR(refreshed_at(machine, k_start + 5000s), 0.3875, 1e-6);
}

TEST(Refresh, GoesOnWithTheTokenOfTheProcessBefore) {
  const Refresh before = with_token();
  Refresh after({}, k_start + 10s);
  const auto actions = after.on_resumed(k_start + 10s, before.resumption(k_start + 10s));
  EXPECT_FALSE(actions.exchange);
  EXPECT_TRUE(actions.publish);
  EXPECT_EQ(actions.wake_at, before.next_attempt()) << "it is refreshed when it would have been";
  EXPECT_EQ(after.on_demand(k_start + 10s, {}, k_start + 15s).verdict, Verdict::serve);
}

TEST(Refresh, RefreshesAtOnceWhatBecameDueWhileNobodyWasThere) {
  const auto left = with_token().resumption(k_start + 50s);
  Refresh after({}, k_start + 95s);
  const auto actions = after.on_resumed(k_start + 95s, left);
  EXPECT_EQ(actions.wake_at, k_start + 95s);
  EXPECT_TRUE(after.on_timer(k_start + 95s).exchange);
}

TEST(Refresh, StartsAnewWhereNothingWasLeft) {
  Refresh machine({}, k_start);
  EXPECT_TRUE(machine.on_resumed(k_start, {}).exchange);
}

TEST(Refresh, SitsOutTheWaitOfTheProcessBefore) {
  Refresh before({}, k_start);
  before.on_start(k_start);
  before.on_failure(k_start, {ErrorCode::rate_limited, "later", 50s}, 0.5);
  const auto left = before.resumption(k_start);
  ASSERT_TRUE(left.retry_at);
  Refresh after({}, k_start + 1s);
  const auto actions = after.on_resumed(k_start + 1s, left);
  EXPECT_FALSE(actions.exchange);
  EXPECT_EQ(actions.wake_at, left.retry_at);
  const auto asked = after.on_demand(k_start + 1s, {}, k_start + 6s);
  EXPECT_EQ(asked.verdict, Verdict::fail) << "no demand shortens it";
  EXPECT_EQ(after.last_failure()->code, ErrorCode::rate_limited) << "and apps are told why";
  EXPECT_FALSE(after.on_change(k_start + 2s, Change::network_up).exchange) << "nor does a network";
}

TEST(Refresh, AfterACrashANetworkStillEndsAWaitForIt) {
  Refresh before({}, k_start);
  before.on_start(k_start);
  before.on_failure(k_start, {ErrorCode::unreachable, "no route", {}}, 0.9);
  Refresh after({}, k_start + 500ms);
  after.on_resumed(k_start + 500ms, before.resumption(k_start + 500ms));
  const auto actions = after.on_change(k_start + 600ms, Change::network_up);
  EXPECT_TRUE(actions.exchange || actions.wake_at <= k_start + 2s);
}

TEST(Refresh, OnDemandATokenThatWasLeftNeedsNoTimer) {
  Refresh after({.on_demand = true}, k_start);
  const auto actions =
      after.on_resumed(k_start, {a_token(k_start - 10s, 100s), k_start + 60s, std::nullopt, std::nullopt});
  EXPECT_FALSE(actions.wake_at);
  EXPECT_EQ(after.on_demand(k_start, {}, k_start + 5s).verdict, Verdict::serve);
}

}  // namespace
}  // namespace fob::core
