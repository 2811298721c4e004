// Where each rule of the refresh begins and ends: on the instant itself, and a nanosecond beside it.
#include "daemon/core/refresh.hpp"

#include <gtest/gtest.h>

namespace fob::core {
namespace {

using namespace std::chrono_literals;

const BootTime k_start{1h};
// Of a token of 100 s, the draw being 0.5: 77.5 s, rounded down.
const BootTime k_due = k_start + 77500ms - 1ns;

TokenPtr a_token(BootTime started, std::chrono::nanoseconds lifetime, std::string name = "t") {
  return std::make_shared<Token>(Token{name, name, {}, 1, started, started + lifetime});
}

Failure a_failure(ErrorCode code, std::optional<std::chrono::milliseconds> retry_after = std::nullopt) {
  return {code, "because", retry_after};
}

// Has had a token of 100 s, due at k_due.
Refresh with_token(RefreshSettings settings = {}) {
  Refresh machine(settings, k_start);
  machine.on_start(k_start);
  machine.on_refresh_wanted(k_start);
  machine.on_token(k_start, a_token(k_start, 100s), 0.5);
  return machine;
}

// Failed at once, and waits.
Refresh failing(ErrorCode kind, double unit = 0.9) {
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  machine.on_failure(k_start, a_failure(kind), unit);
  return machine;
}

// How long the next failure would make it wait, the draw being 0.5: what its backoff remembers.
std::chrono::nanoseconds next_wait(Refresh machine, BootTime now, ErrorCode kind) {
  return *machine.on_failure(now, a_failure(kind), 0.5).wake_at - now;
}
constexpr auto k_first_wait = 2s;           // of a backoff that remembers nothing
constexpr auto k_first_probe = 5min + 15s;  // and of a probe

TEST(RefreshBounds, BootingEndsAfterTenMinutes) {
  const auto refreshed_at = [](BootTime boot) {
    Refresh machine({}, boot);
    machine.on_start(boot);
    return *machine.on_token(boot, a_token(boot, 1000s), 0.5).wake_at - boot;
  };
  EXPECT_LT(refreshed_at(BootTime(10min - 1ns)), 400s) << "scattered";
  EXPECT_EQ(refreshed_at(BootTime(10min)), 775s - 1ns);
}

TEST(RefreshBounds, ATokenIsDeadAtItsDeadline) {
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  machine.on_token(k_start + 10s, a_token(k_start, 10s), 0.5);
  EXPECT_EQ(machine.last_failure()->code, ErrorCode::bad_answer);
  EXPECT_TRUE(with_token().token(k_start + 100s - 1ns));
  EXPECT_FALSE(with_token().token(k_start + 100s));
  EXPECT_EQ(a_token(k_start, 100s)->left(k_start + 30s), 70s);
  EXPECT_EQ(a_token(k_start, 100s)->lifetime(), 100s);
}

TEST(RefreshBounds, TheTimerCountsFromTheInstantOn) {
  Refresh machine = with_token();
  const BootTime due = *machine.next_attempt();
  EXPECT_EQ(due, k_due);
  const auto early = machine.on_timer(due - 1ns);
  EXPECT_FALSE(early.exchange);
  EXPECT_EQ(early.wake_at, due);
  EXPECT_TRUE(machine.on_timer(due).exchange);
  EXPECT_FALSE(machine.next_attempt()) << "the exchange has taken its place";
  EXPECT_EQ(machine.reason(), Reason::none);
  EXPECT_FALSE(machine.on_timer(due + 1s).exchange) << "one at a time";
}

TEST(RefreshBounds, ATimerThatNobodySetDoesNothing) {
  Refresh machine({.on_demand = true}, k_start);
  machine.on_start(k_start);
  EXPECT_FALSE(machine.on_timer(k_start + 1s).exchange);
  EXPECT_TRUE(machine.asleep());
}

TEST(RefreshBounds, IdleBeginsOnTheInstantAndADemandPutsItOff) {
  const auto asleep_at_due = [](std::chrono::nanoseconds idle_after, bool asked) {
    Refresh machine = with_token({.on_demand = false, .idle_after = idle_after});
    if (asked) machine.on_demand(k_start + 40s, 1s, k_start + 45s);
    machine.on_timer(k_start + 77500ms);
    return machine.asleep();
  };
  EXPECT_TRUE(asleep_at_due(77500ms, false));
  EXPECT_FALSE(asleep_at_due(77500ms + 1ns, false));
  EXPECT_FALSE(asleep_at_due(77500ms, true));
  EXPECT_TRUE(asleep_at_due(1ns, false));
  EXPECT_FALSE(asleep_at_due(0ns, false)) << "never idle";
}

TEST(RefreshBounds, EachSignOfInterestPutsIdleOff) {
  const RefreshSettings settings{.on_demand = false, .idle_after = 30s};
  const auto kept_awake_by = [&](auto interest) {
    Refresh machine = with_token(settings);
    interest(machine);
    machine.on_timer(k_start + 77500ms);
    return !machine.asleep();
  };
  EXPECT_FALSE(kept_awake_by([](Refresh&) {}));
  EXPECT_TRUE(kept_awake_by([](Refresh& m) { m.on_rejected(k_start + 60s, "older", k_start + 65s); }));
  EXPECT_TRUE(kept_awake_by([](Refresh& m) { m.on_plain_demand(k_start + 60s, 1s); }));
  EXPECT_TRUE(kept_awake_by([&](Refresh& m) { m.on_settings_changed(k_start + 60s, settings, false); }));
  EXPECT_TRUE(kept_awake_by([](Refresh& m) { m.on_followed(k_start + 60s, true); }));
  EXPECT_TRUE(kept_awake_by([](Refresh& m) {
    m.on_followed(k_start + 1s, true);
    m.on_followed(k_start + 60s, false);
  })) << "from when the last follower left";
  EXPECT_TRUE(kept_awake_by([](Refresh& m) {
    m.on_refresh_wanted(k_start + 60s);
    m.on_failure(k_start + 60s, a_failure(ErrorCode::unreachable), 0.0);
  }));
}

TEST(RefreshBounds, OnDemandARetryIsWorthItForAMinute) {
  const auto tried_at = [](std::chrono::nanoseconds after) {
    Refresh machine({.on_demand = true}, k_start);
    machine.on_start(k_start);
    machine.on_demand(k_start, {}, k_start + 60s);
    machine.on_failure(k_start, a_failure(ErrorCode::unreachable), 0.0);
    return machine.on_timer(k_start + after).exchange;
  };
  EXPECT_TRUE(tried_at(60s - 1ns));
  EXPECT_FALSE(tried_at(60s)) << "nobody waits any more";
}

TEST(RefreshBounds, AFollowedProfileIsNeverIdle) {
  Refresh machine = with_token({.on_demand = false, .idle_after = 30s});
  machine.on_followed(k_start + 1s, true);
  EXPECT_TRUE(machine.on_timer(k_start + 77500ms).exchange);
}

TEST(RefreshBounds, AProfileThatNobodyFollowsHasNoTimerForItsTokensDeath) {
  Refresh machine = with_token();
  machine.on_timer(k_start + 77500ms);
  EXPECT_EQ(machine.on_failure(k_start + 80s, a_failure(ErrorCode::rate_limited, 60s), 0.5).wake_at,
            k_start + 80s + 62s);
}

TEST(RefreshBounds, AFollowedTokensDeathWakesWhereNothingElseDoes) {
  Refresh machine = with_token();
  machine.on_followed(k_start + 1s, true);
  EXPECT_EQ(machine.on_timer(k_start + 77500ms).wake_at, k_start + 100s) << "while an exchange is under way";
}

TEST(RefreshBounds, AnExchangeBeganWithASecondToEnd) {
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  EXPECT_EQ(machine.on_change(k_start + 1ns, Change::network_up).wake_at, k_start + 1s);
  const auto early = machine.on_timer(k_start + 1s - 1ns);
  EXPECT_FALSE(early.exchange);
  EXPECT_EQ(early.wake_at, k_start + 1s);
  const auto late = machine.on_timer(k_start + 1s);
  EXPECT_TRUE(late.exchange);
  EXPECT_TRUE(late.abandon);
  EXPECT_FALSE(late.wake_at) << "the new one hangs on nothing";
}

TEST(RefreshBounds, AClockThatIsSetEndsNoExchange) {
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  const auto actions = machine.on_change(k_start + 30s, Change::clock_set);
  EXPECT_FALSE(actions.abandon);
  EXPECT_FALSE(actions.wake_at);
  EXPECT_TRUE(machine.on_change(k_start + 30s, Change::resumed).abandon);
}

TEST(RefreshBounds, AnOrdinaryAttemptAbandonsNothing) {
  Refresh machine = with_token();
  const auto actions = machine.on_timer(k_start + 80s);
  EXPECT_TRUE(actions.exchange);
  EXPECT_FALSE(actions.abandon);
}

TEST(RefreshBounds, AClockSetDuringAnExchangeMendsWhatItMayAtOnceAndOnlyThat) {
  const auto wait_after = [](ErrorCode kind, std::optional<std::chrono::milliseconds> asked = {}) {
    Refresh machine({}, k_start);
    machine.on_start(k_start);
    machine.on_change(k_start + 5s, Change::clock_set);
    return *machine.on_failure(k_start + 6s, a_failure(kind, asked), 0.5).wake_at - (k_start + 6s);
  };
  EXPECT_EQ(wait_after(ErrorCode::clock_wrong), 0s);
  EXPECT_EQ(wait_after(ErrorCode::unreachable), k_first_wait);
  EXPECT_EQ(wait_after(ErrorCode::clock_wrong, 10s), 12s) << "the authority asked for it";
}

TEST(RefreshBounds, WhatChangedDuringAnExchangeIsForgottenWithIt) {
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  machine.on_change(k_start + 5s, Change::clock_set);
  machine.on_failure(k_start + 6s, a_failure(ErrorCode::clock_wrong), 0.5);
  machine.on_timer(k_start + 6s);
  EXPECT_EQ(next_wait(machine, k_start + 7s, ErrorCode::clock_wrong), k_first_wait);
}

TEST(RefreshBounds, AWaitIsNeverMadeLongerByAChange) {
  Refresh machine = failing(ErrorCode::unreachable, 0.0);
  EXPECT_EQ(machine.next_attempt(), k_start + 1s);
  for (BootTime now = k_start; now < k_start + 1s; now += 100ms)
    EXPECT_EQ(machine.on_change(now, Change::network_up).wake_at, k_start + 1s);
  EXPECT_EQ(machine.reason(), Reason::retry);
}

// The network comes up `times` times, each attempt a second after the one before, and each fails at once.
Refresh after_flapping(int times) {
  Refresh machine = failing(ErrorCode::unreachable);
  for (int i = 1; i <= times; ++i) {
    EXPECT_TRUE(machine.on_change(k_start + i * 1s, Change::network_up).exchange);
    machine.on_failure(k_start + i * 1s, a_failure(ErrorCode::unreachable), 0.9);
  }
  return machine;
}

TEST(RefreshBounds, AnAttemptForAChangeCountsAndCalmsTheBackoffWhileItIsHopeful) {
  Refresh machine = after_flapping(2);
  EXPECT_TRUE(machine.on_change(k_start + 3s, Change::network_up).exchange) << "on the instant";
  EXPECT_EQ(next_wait(machine, k_start + 3s, ErrorCode::unreachable), k_first_wait);
  machine.on_failure(k_start + 3s, a_failure(ErrorCode::unreachable), 0.9);
  EXPECT_FALSE(machine.on_change(k_start + 4s, Change::network_up).exchange) << "two seconds apart now";
  EXPECT_EQ(machine.next_attempt(), k_start + 5s);
  EXPECT_TRUE(machine.on_timer(k_start + 5s).exchange);
  EXPECT_GT(next_wait(machine, k_start + 5s, ErrorCode::unreachable), k_first_wait)
      << "no longer what everything waits for";
}

TEST(RefreshBounds, AnAttemptThatAChangeBroughtForwardCountsWhenTheTimerMakesIt) {
  Refresh machine = failing(ErrorCode::unreachable);
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(machine.on_change(k_start + i * 1s - 500ms, Change::network_up).wake_at, k_start + i * 1s);
    EXPECT_TRUE(machine.on_timer(k_start + i * 1s).exchange);
    EXPECT_EQ(next_wait(machine, k_start + i * 1s, ErrorCode::unreachable), k_first_wait);
    machine.on_failure(k_start + i * 1s, a_failure(ErrorCode::unreachable), 0.9);
  }
  EXPECT_EQ(machine.on_change(k_start + 3500ms, Change::network_up).wake_at, k_start + 5s);
}

TEST(RefreshBounds, AnAttemptThatIsHastenedAfterAFailureCountsToo) {
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  for (int i = 0; i < 3; ++i) {
    machine.on_change(k_start + i * 1s + 100ms, Change::network_up);
    EXPECT_EQ(machine.on_failure(k_start + i * 1s + 200ms, a_failure(ErrorCode::unreachable), 0.9).wake_at,
              k_start + (i + 1) * 1s);
    EXPECT_TRUE(machine.on_timer(k_start + (i + 1) * 1s).exchange);
  }
  EXPECT_EQ(machine.on_change(k_start + 3100ms, Change::network_up).wake_at, k_start + 5s);
}

TEST(RefreshBounds, AnOrdinaryRetryIsNoAttemptForAChange) {
  Refresh machine = failing(ErrorCode::unreachable, 0.0);
  for (int i = 0; i < 8; ++i) {
    const BootTime due = *machine.next_attempt();
    EXPECT_TRUE(machine.on_timer(due).exchange);
    machine.on_failure(due, a_failure(ErrorCode::unreachable), 0.9);
  }
  EXPECT_GT(*machine.next_attempt() - k_start, 60s);
  const BootTime now = *machine.next_attempt() - 1s;
  EXPECT_TRUE(machine.on_change(now, Change::network_up).exchange) << "the first one for a change";
}

TEST(RefreshBounds, AnAttemptThatWasHastenedAndSleptThroughIsForgotten) {
  Refresh machine = with_token({.on_demand = false, .idle_after = 1s});
  machine.on_refresh_wanted(k_start + 10s);
  machine.on_failure(k_start + 10s, a_failure(ErrorCode::unreachable), 0.9);
  EXPECT_EQ(machine.on_change(k_start + 10500ms, Change::network_up).wake_at, k_start + 11s);
  machine.on_timer(k_start + 11s);
  EXPECT_TRUE(machine.asleep());
  EXPECT_EQ(machine.reason(), Reason::none);
  EXPECT_EQ(machine.on_demand(k_due - 1ms, 1s, k_due).actions.wake_at, k_due);
  EXPECT_TRUE(machine.on_timer(k_due).exchange);
  EXPECT_EQ(next_wait(machine, k_due, ErrorCode::unreachable), 4700ms) << "its backoff is not calmed";
}

TEST(RefreshBounds, NothingIsToBeDoneUnlessItIsSaid) {
  const Actions none;
  EXPECT_FALSE(none.exchange || none.abandon || none.publish || none.wake_at);
}

TEST(RefreshBounds, AChangeBringsNoRefreshForwardAndNoProbe) {
  Refresh well = with_token();
  EXPECT_EQ(well.on_change(k_start + 70s, Change::resumed).wake_at, k_due);
  EXPECT_TRUE(well.on_change(k_due, Change::clock_set).exchange) << "it was due anyway";
  Refresh probing = failing(ErrorCode::rejected, 0.0);
  EXPECT_EQ(probing.on_change(k_start + 10s, Change::resumed).wake_at, k_start + 5min);
}

TEST(RefreshBounds, AChangeDoesNotWakeWhatIsIdle) {
  Refresh machine = with_token({.on_demand = false, .idle_after = 30s});
  EXPECT_FALSE(machine.on_change(k_start + 80s, Change::network_up).exchange);
  Refresh waiting({.on_demand = false, .idle_after = 1s}, k_start);
  waiting.on_start(k_start);
  waiting.on_failure(k_start, a_failure(ErrorCode::unreachable), 0.9);
  EXPECT_FALSE(waiting.on_change(k_start + 2s, Change::network_up).exchange);
}

TEST(RefreshBounds, EachChangeDuringAnExchangeThatMayGoOnHastensTheNext) {
  for (const auto change : {Change::network_up, Change::resumed}) {
    Refresh machine({}, k_start);
    machine.on_start(k_start);
    EXPECT_FALSE(machine.on_change(k_start + 200ms, change).abandon);
    EXPECT_EQ(machine.on_failure(k_start + 300ms, a_failure(ErrorCode::unreachable), 0.9).wake_at,
              k_start + 1s);
  }
}

TEST(RefreshBounds, ASuccessForgetsAllFailures) {
  for (const auto kind : {ErrorCode::unreachable, ErrorCode::rejected}) {
    Refresh machine = failing(kind);
    machine.on_timer(k_start + 10min);
    machine.on_token(k_start + 10min, a_token(k_start + 10min, 100s), 0.5);
    EXPECT_FALSE(machine.last_failure());
    machine.on_refresh_wanted(k_start + 11min);
    EXPECT_EQ(next_wait(machine, k_start + 11min, kind), kind == ErrorCode::rejected
                                                             ? std::chrono::nanoseconds(k_first_probe)
                                                             : std::chrono::nanoseconds(k_first_wait));
  }
}

TEST(RefreshBounds, ASuccessForgetsHowOftenTheNetworkFlapped) {
  Refresh machine = after_flapping(3);
  machine.on_refresh_wanted(k_start + 4s);
  machine.on_token(k_start + 4s, a_token(k_start + 4s, 100s), 0.5);
  machine.on_refresh_wanted(k_start + 10s);
  machine.on_failure(k_start + 10s, a_failure(ErrorCode::unreachable), 0.9);
  EXPECT_EQ(machine.on_change(k_start + 10100ms, Change::network_up).wake_at, k_start + 11s);
}

TEST(RefreshBounds, AnotherCredentialForgetsAllFailuresOfTheOneBefore) {
  for (const auto kind : {ErrorCode::unreachable, ErrorCode::rejected}) {
    Refresh machine = failing(kind);
    const auto actions = machine.on_credential_changed(k_start + 1s);
    EXPECT_TRUE(actions.exchange);
    EXPECT_TRUE(actions.publish) << "that it failed no longer counts";
    EXPECT_FALSE(machine.last_failure());
    EXPECT_EQ(machine.availability(k_start + 1s), Availability());
    EXPECT_EQ(next_wait(machine, k_start + 1s, kind), kind == ErrorCode::rejected
                                                          ? std::chrono::nanoseconds(k_first_probe)
                                                          : std::chrono::nanoseconds(k_first_wait));
  }
}

TEST(RefreshBounds, AnotherWayForgetsAllFailuresOfTheOneBefore) {
  for (const auto kind : {ErrorCode::tls, ErrorCode::config}) {
    const auto first = kind == ErrorCode::config ? std::chrono::nanoseconds(k_first_probe)
                                                 : std::chrono::nanoseconds(k_first_wait);
    Refresh machine = failing(kind);
    EXPECT_TRUE(machine.on_settings_changed(k_start + 1ms, {}, true).exchange);
    EXPECT_EQ(next_wait(machine, k_start + 2ms, kind), first);
    machine.on_settings_changed(k_start + 3ms, {}, true);
    machine.on_settings_changed(k_start + 4ms, {}, false);
    EXPECT_TRUE(machine.on_failure(k_start + 5ms, a_failure(kind), 0.5).exchange)
        << "not undone by the second";
    EXPECT_EQ(next_wait(machine, k_start + 6ms, kind), first);
  }
}

TEST(RefreshBounds, AnotherWayIsNotTriedWhereNobodyWantsAToken) {
  Refresh machine({.on_demand = true}, k_start);
  machine.on_start(k_start);
  EXPECT_FALSE(machine.on_settings_changed(k_start + 1s, {.on_demand = true}, true).exchange);
  EXPECT_TRUE(machine.on_settings_changed(k_start + 1s, {}, false).exchange) << "now it is always kept";
}

TEST(RefreshBounds, ADemandForItsTimeHasItsRefreshAndOnDemandHasNone) {
  Refresh machine = with_token();
  EXPECT_FALSE(machine.on_settings_changed(k_start + 1s, {.on_demand = true}, false).wake_at);
  EXPECT_TRUE(machine.settings().on_demand);
  EXPECT_EQ(machine.on_settings_changed(k_start + 2s, {}, false).wake_at, k_due);
  EXPECT_EQ(machine.reason(), Reason::refresh);
  EXPECT_FALSE(machine.settings().on_demand);
}

TEST(RefreshBounds, OneThatSleepsOnAFailureIsAtRestOnlyWhereWaitingHelps) {
  const auto asleep_after = [](ErrorCode kind) {
    Refresh machine({.on_demand = true}, k_start);
    machine.on_demand(k_start, std::nullopt, k_start + 1s);
    machine.on_failure(k_start + 1s, a_failure(kind), 0.5);
    EXPECT_FALSE(machine.at_rest()) << "it is to be tried again";
    for (auto now = k_start + 1s; !machine.asleep() && now < k_start + 1h; now += 1s)
      if (machine.on_timer(now).exchange) machine.on_failure(now, a_failure(kind), 0.5);
    EXPECT_TRUE(machine.asleep());
    return machine;
  };
  EXPECT_TRUE(asleep_after(ErrorCode::unreachable).at_rest());
  EXPECT_FALSE(asleep_after(ErrorCode::store_locked).at_rest());
}

TEST(RefreshBounds, ACredentialIsTakenForRemovedByTheFirstAnswerAfterTheChangeOnly) {
  Refresh found = with_token();
  found.on_credential_changed(k_start + 1s);
  found.on_token(k_start + 2s, a_token(k_start + 1s, 100s), 0.5);
  found.on_timer(k_start + 80s);
  found.on_failure(k_start + 80s, a_failure(ErrorCode::no_credential), 0.5);
  EXPECT_TRUE(found.token(k_start + 80s));
  Refresh locked = with_token();
  locked.on_credential_changed(k_start + 1s);
  locked.on_failure(k_start + 2s, a_failure(ErrorCode::store_locked), 0.0);
  locked.on_timer(k_start + 3s);
  locked.on_failure(k_start + 3s, a_failure(ErrorCode::no_credential), 0.5);
  EXPECT_TRUE(locked.token(k_start + 3s));
}

TEST(RefreshBounds, AnotherFailureAfterAChangeTakesNoToken) {
  Refresh machine = with_token();
  machine.on_credential_changed(k_start + 1s);
  machine.on_failure(k_start + 2s, a_failure(ErrorCode::rejected), 0.5);
  EXPECT_TRUE(machine.token(k_start + 2s));
}

TEST(RefreshBounds, AFailureOfTheCredentialBeforeLeavesTheSuspicion) {
  Refresh machine = with_token();
  machine.on_refresh_wanted(k_start + 1s);
  machine.on_credential_changed(k_start + 2s);
  EXPECT_TRUE(machine.on_failure(k_start + 3s, a_failure(ErrorCode::no_credential), 0.5).exchange);
  EXPECT_TRUE(machine.token(k_start + 3s)) << "that was about the one before";
  machine.on_failure(k_start + 4s, a_failure(ErrorCode::no_credential), 0.5);
  EXPECT_FALSE(machine.token(k_start + 4s));
}

TEST(RefreshBounds, AMarginIsTenSecondsOrFifteenPercent) {
  EXPECT_EQ(default_min_ttl(100s), 10s);
  EXPECT_EQ(default_min_ttl(60s), 9s);
}

TEST(RefreshBounds, ADemandIsServedByWhatLivesForJustAsLong) {
  EXPECT_EQ(with_token().on_demand(k_start + 40s, 60s, k_start + 45s).verdict, Verdict::serve);
  EXPECT_EQ(with_token().on_demand(k_start + 40s, 60s + 1ns, k_start + 45s).verdict, Verdict::wait);
  EXPECT_EQ(with_token().on_demand(k_start + 90s, {}, k_start + 95s).verdict, Verdict::serve);
  EXPECT_EQ(with_token().on_demand(k_start + 90s + 1ns, {}, k_start + 95s).verdict, Verdict::wait);
}

TEST(RefreshBounds, ADemandForAWholeLifeIsOneThatAnExchangeCanMeet) {
  EXPECT_EQ(with_token().on_demand(k_start + 50s, 100s, k_start + 55s).verdict, Verdict::wait);
  EXPECT_EQ(with_token().on_demand(k_start + 50s, 100s + 1ns, k_start + 55s).verdict, Verdict::serve);
}

TEST(RefreshBounds, ATokenIsTooNewForATenthOfItsLifeBetweenOneSecondAndThirty) {
  const auto replaced_at = [](std::chrono::nanoseconds lifetime, std::chrono::nanoseconds age) {
    Refresh machine({}, k_start);
    machine.on_start(k_start);
    machine.on_token(k_start, a_token(k_start, lifetime), 0.5);
    return machine.on_demand(k_start + age, lifetime, k_start + age + 5s).actions.exchange;
  };
  EXPECT_FALSE(replaced_at(100s, 10s - 1ns));
  EXPECT_TRUE(replaced_at(100s, 10s));
  EXPECT_FALSE(replaced_at(5s, 1s - 1ns));
  EXPECT_TRUE(replaced_at(5s, 1s));
  EXPECT_FALSE(replaced_at(1h, 30s - 1ns));
  EXPECT_TRUE(replaced_at(1h, 30s));
}

TEST(RefreshBounds, ADemandBringsARefreshForward650MillisecondsAfterTheLastAttempt) {
  const auto exchanged_at = [](std::chrono::nanoseconds age) {
    Refresh machine({}, k_start);
    machine.on_start(k_start);
    machine.on_token(k_start, a_token(k_start, 100ms), 0.5);
    return machine.on_demand(k_start + age, {}, k_start + 5s).actions.exchange;
  };
  EXPECT_FALSE(exchanged_at(649ms));
  EXPECT_TRUE(exchanged_at(650ms));
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  machine.on_token(k_start + 50ms, a_token(k_start, 100ms), 0.5);
  EXPECT_FALSE(machine.on_demand(k_start + 650ms - 1ns, {}, k_start + 5s).actions.exchange);
  EXPECT_TRUE(machine.on_demand(k_start + 650ms, {}, k_start + 5s).actions.exchange) << "planned for 700";
}

TEST(RefreshBounds, ARefreshIsPlanned650MillisecondsAheadAtLeast) {
  Refresh machine({}, k_start);
  machine.on_start(k_start);
  EXPECT_EQ(machine.on_token(k_start + 50ms, a_token(k_start, 100ms), 0.5).wake_at, k_start + 700ms);
  EXPECT_EQ(with_token().next_attempt(), k_due) << "from the exchange's start";
}

TEST(RefreshBounds, APatienceThatEndsWithTheRetryIsEnough) {
  Refresh machine = failing(ErrorCode::unreachable, 0.0);
  EXPECT_EQ(machine.on_demand(k_start, {}, k_start + 1s).verdict, Verdict::wait);
  EXPECT_EQ(machine.on_demand(k_start, {}, k_start + 1s - 1ns).verdict, Verdict::fail);
  EXPECT_TRUE(machine.on_demand(k_start + 1s, {}, k_start + 1s).actions.exchange) << "due on the instant";
}

TEST(RefreshBounds, ADemandNeverBringsARetryForwardThoughATokenIsAtHand) {
  Refresh machine = with_token();
  machine.on_timer(k_start + 77500ms);
  machine.on_failure(k_start + 78s, a_failure(ErrorCode::rate_limited, 60s), 0.5);
  const auto answer = machine.on_demand(k_start + 95s, 60s, k_start + 96s);
  EXPECT_FALSE(answer.actions.exchange);
  EXPECT_EQ(answer.verdict, Verdict::serve);
  EXPECT_EQ(answer.actions.wake_at, k_start + 78s + 62s);
}

TEST(RefreshBounds, ADemandWaitsForTheExchangeThatIsToReplaceItsToken) {
  Refresh machine = with_token();
  machine.on_timer(k_start + 77500ms);
  EXPECT_EQ(machine.on_demand(k_start + 80s, 60s, k_start + 85s).verdict, Verdict::wait);
  EXPECT_EQ(machine.on_demand(k_start + 80s, 20s, k_start + 85s).verdict, Verdict::serve);
}

TEST(RefreshBounds, APlainDemandIsOneThatNeedsNothingElse) {
  Refresh machine = with_token();
  EXPECT_EQ(machine.on_plain_demand(k_start + 40s, 60s)->fingerprint, "t");
  EXPECT_FALSE(machine.on_plain_demand(k_start + 40s, 60s + 1ns));
  EXPECT_TRUE(machine.on_plain_demand(k_start + 90s, {}));
  EXPECT_FALSE(machine.on_plain_demand(k_start + 90s + 1ns, {}));
  EXPECT_TRUE(machine.on_plain_demand(k_start + 100s - 1ns, 0s));
  EXPECT_FALSE(machine.on_plain_demand(k_start + 100s, 0s)) << "a dead token is none";
  EXPECT_FALSE(Refresh({}, k_start).on_plain_demand(k_start, 0s));
  Refresh waiting({}, k_start);
  waiting.on_start(k_start);
  EXPECT_FALSE(waiting.on_plain_demand(k_start, 0s)) << "an exchange is under way, and nothing at hand";
}

TEST(RefreshBounds, APlainDemandIsNoneWhereTheProfileSleeps) {
  Refresh machine = with_token({.on_demand = true});
  EXPECT_FALSE(machine.on_plain_demand(k_start + 1s, 1s)) << "it sleeps without an attempt to come";
}

TEST(RefreshBounds, ARejectionOfNoTokenIsADemand) {
  Refresh machine = failing(ErrorCode::unreachable, 0.0);
  EXPECT_EQ(machine.on_rejected(k_start, "t", k_start + 5s).verdict, Verdict::wait);
  EXPECT_EQ(machine.on_rejected(k_start, "t", k_start).verdict, Verdict::fail);
}

TEST(RefreshBounds, ARejectionDuringAnExchangeWaitsForIt) {
  Refresh machine = with_token();
  machine.on_timer(k_start + 77500ms);
  EXPECT_EQ(machine.on_rejected(k_start + 78s, "t", k_start + 80s).verdict, Verdict::wait);
  EXPECT_EQ(machine.on_rejected(k_start + 78s, "older", k_start + 80s).verdict, Verdict::serve);
}

TEST(RefreshBounds, ARejectionSitsOutARetryToTheInstant) {
  Refresh machine = with_token();
  machine.on_timer(k_start + 77500ms);
  machine.on_failure(k_start + 78s, a_failure(ErrorCode::unreachable), 0.0);
  EXPECT_EQ(machine.on_rejected(k_start + 78500ms, "t", k_start + 79s).verdict, Verdict::wait);
  EXPECT_EQ(machine.on_rejected(k_start + 78500ms, "t", k_start + 79s - 1ns).verdict, Verdict::fail);
  EXPECT_TRUE(machine.on_rejected(k_start + 79s, "t", k_start + 80s).actions.exchange);
}

TEST(RefreshBounds, ARejectionOnDemandIsAnAttemptThoughNoneIsPlanned) {
  Refresh machine = with_token({.on_demand = true});
  EXPECT_TRUE(machine.on_rejected(k_start + 1s, "t", k_start + 6s).actions.exchange);
}

TEST(RefreshBounds, ASecondRejectionMayWaitForThePlannedRefreshThatComesInTime) {
  Refresh machine = with_token();
  machine.on_rejected(k_start + 10s, "t", k_start + 15s);
  machine.on_token(k_start + 10s, a_token(k_start + 10s, 4s), 0.5);
  const BootTime due = k_start + 10s + 3100ms - 1ns;
  EXPECT_EQ(machine.next_attempt(), due);
  EXPECT_EQ(machine.on_rejected(k_start + 10500ms, "t", due).verdict, Verdict::wait);
  EXPECT_EQ(machine.on_rejected(k_start + 10500ms, "t", due - 1ns).verdict, Verdict::too_soon);
  EXPECT_FALSE(machine.on_rejected(k_start + 11s - 1ns, "t", due).actions.exchange);
  EXPECT_TRUE(machine.on_rejected(k_start + 11s, "t", due).actions.exchange);
}

TEST(RefreshBounds, ARejectionIsOfAnExchangeNoSoonerThan650MillisecondsAfterTheLast) {
  Refresh early = with_token();
  const auto actions = early.on_rejected(k_start + 650ms - 1ns, "t", k_start + 5s).actions;
  EXPECT_FALSE(actions.exchange);
  EXPECT_EQ(actions.wake_at, k_start + 650ms);
  EXPECT_EQ(early.reason(), Reason::refresh);
  EXPECT_TRUE(with_token().on_rejected(k_start + 650ms, "t", k_start + 5s).actions.exchange);
}

TEST(RefreshBounds, ARejectionIsAReasonFromTheBeginningAndThenATenthOfALifeLater) {
  EXPECT_EQ(Refresh({}, k_start).rejectable_from(), BootTime());
  Refresh machine = with_token();
  EXPECT_EQ(machine.rejectable_from(), BootTime());
  machine.on_rejected(k_start + 20s, "t", k_start + 25s);
  EXPECT_EQ(machine.rejectable_from(), k_start + 30s);
}

TEST(RefreshBounds, WhatAppsCanHaveIsATokenOrTheReasonWhyNot) {
  EXPECT_EQ(failing(ErrorCode::tls).availability(k_start), (Availability{nullptr, ErrorCode::tls}));
  Refresh machine = with_token();
  machine.on_timer(k_start + 77500ms);
  machine.on_failure(k_start + 78s, a_failure(ErrorCode::tls), 0.5);
  EXPECT_FALSE(machine.availability(k_start + 79s).why_not) << "there is one";
  EXPECT_EQ(Refresh({}, k_start).availability(k_start), Availability());
}

TEST(RefreshBounds, OnlyWhatChangedIsPublished) {
  Refresh machine({}, k_start);
  EXPECT_FALSE(machine.on_start(k_start).publish);
  EXPECT_TRUE(machine.on_token(k_start, a_token(k_start, 100s), 0.5).publish);
  EXPECT_FALSE(machine.on_timer(k_start + 77500ms).publish);
  EXPECT_FALSE(machine.on_failure(k_start + 78s, a_failure(ErrorCode::tls), 0.5).publish);
  EXPECT_TRUE(machine.on_timer(k_start + 100s).publish);
}

TEST(RefreshBounds, TheNetworkMattersDuringAnExchangeAndToARetryThatItMayEnd) {
  Refresh machine({}, k_start);
  EXPECT_FALSE(machine.minds_network());
  machine.on_start(k_start);
  EXPECT_TRUE(machine.minds_network());
  EXPECT_TRUE(failing(ErrorCode::unreachable).minds_network());
  EXPECT_FALSE(failing(ErrorCode::rejected).minds_network());
  EXPECT_FALSE(failing(ErrorCode::clock_wrong).minds_network());
  EXPECT_FALSE(with_token().minds_network());
}

TEST(RefreshBounds, ASuccessorGetsTheTokenAndTheWaitAndNothingOfWhatIsOver) {
  Refresh machine = with_token();
  auto left = machine.resumption(k_start + 1s);
  EXPECT_EQ(left.token->fingerprint, "t");
  EXPECT_EQ(left.due, k_due);
  EXPECT_FALSE(left.retry_at);
  EXPECT_FALSE(left.failure);
  EXPECT_FALSE(machine.resumption(k_start + 100s).token) << "a dead one is not handed on";
  machine.on_timer(k_start + 77500ms);
  machine.on_failure(k_start + 78s, a_failure(ErrorCode::tls), 0.0);
  left = machine.resumption(k_start + 78s);
  EXPECT_EQ(left.retry_at, k_start + 79s);
  EXPECT_EQ(left.failure->code, ErrorCode::tls);
  machine.on_timer(k_start + 79s);
  EXPECT_FALSE(machine.resumption(k_start + 80s).retry_at) << "an exchange is under way";
}

TEST(RefreshBounds, ASuccessorKnowsWhyItWaits) {
  const auto resumed = [](ErrorCode kind, BootTime now) {
    Refresh machine({}, now);
    machine.on_resumed(now, {nullptr, {}, k_start + 10s, a_failure(kind)});
    return machine;
  };
  EXPECT_EQ(resumed(ErrorCode::rejected, k_start).reason(), Reason::probe);
  EXPECT_EQ(resumed(ErrorCode::unreachable, k_start).reason(), Reason::retry);
  EXPECT_EQ(resumed(ErrorCode::unreachable, k_start).next_attempt(), k_start + 10s);
  EXPECT_EQ(resumed(ErrorCode::unreachable, k_start + 20s).next_attempt(), k_start + 20s) << "it was over";
}

TEST(RefreshBounds, ASuccessorOfOneThatOnlyWaitedMindsTheNetworkOnceASecond) {
  Refresh machine({}, k_start);
  machine.on_resumed(k_start, {nullptr, {}, k_start + 10s, a_failure(ErrorCode::unreachable)});
  EXPECT_EQ(machine.on_change(k_start + 200ms, Change::network_up).wake_at, k_start + 1s);
}

TEST(RefreshBounds, ASuccessorCountsAttemptsFromThatWhichBroughtTheToken) {
  Refresh machine({}, k_start);
  machine.on_resumed(k_start, {a_token(k_start - 20s, 100s), k_start + 60s, std::nullopt, std::nullopt});
  EXPECT_EQ(machine.next_attempt(), k_start + 60s);
  EXPECT_EQ(machine.reason(), Reason::refresh);
  EXPECT_TRUE(machine.on_rejected(k_start, "t", k_start + 5s).actions.exchange);
}

TEST(RefreshBounds, ASuccessorWithATokenAndAWaitKeepsBoth) {
  Refresh machine({.on_demand = true}, k_start);
  const auto actions = machine.on_resumed(
      k_start, {a_token(k_start - 20s, 100s), k_start + 60s, k_start + 5s, a_failure(ErrorCode::tls)});
  EXPECT_EQ(actions.wake_at, k_start + 5s);
  EXPECT_TRUE(machine.token(k_start));
  EXPECT_EQ(machine.last_failure()->code, ErrorCode::tls);
}

TEST(RefreshBounds, ASuccessorSuspectsNoRemoval) {
  Refresh machine({}, k_start);
  machine.on_resumed(k_start, {a_token(k_start - 20s, 100s), k_start + 60s, std::nullopt, std::nullopt});
  machine.on_timer(k_start + 60s);
  machine.on_failure(k_start + 60s, a_failure(ErrorCode::no_credential), 0.5);
  EXPECT_TRUE(machine.token(k_start + 60s));
}

TEST(RefreshBounds, InTheBeginningThereIsNothing) {
  const Refresh machine({}, k_start);
  EXPECT_FALSE(machine.ever_had_token());
  EXPECT_EQ(machine.reason(), Reason::none);
  EXPECT_TRUE(machine.asleep());
  EXPECT_EQ(Token().credential_version, 0U);
  EXPECT_TRUE(with_token().ever_had_token());
}

TEST(RefreshBounds, ASuccessorTakesAWaitWithoutItsReasonForNone) {
  Refresh machine({}, k_start);
  machine.on_resumed(k_start, {a_token(k_start - 20s, 100s), k_start + 60s, k_start + 5s, std::nullopt});
  EXPECT_EQ(machine.next_attempt(), k_start + 60s);
  EXPECT_EQ(machine.reason(), Reason::refresh);
}

TEST(RefreshBounds, AProfileThatIsWantedAgainTakesUpItsRefreshWhereItWas) {
  Refresh machine = with_token({.on_demand = true});
  EXPECT_EQ(machine.on_followed(k_start + 1s, true).wake_at, k_due);
  Refresh late = with_token({.on_demand = true});
  EXPECT_TRUE(late.on_followed(k_due, true).exchange) << "due on the instant";
  Refresh dead = with_token({.on_demand = true});
  EXPECT_TRUE(dead.on_followed(k_start + 100s, true).exchange);
  EXPECT_FALSE(with_token({.on_demand = true}).on_followed(k_start + 80s, false).exchange);
}

TEST(RefreshBounds, AfterAnOutageTheOrderHoldsWhereItLeavesTimeAndElseChanceMakesOne) {
  // Due at 700 s of 1000; an outage until `back`, and then a token whose refresh is drawn at 775 s.
  const auto next_after = [](std::chrono::nanoseconds back) {
    Refresh machine({}, k_start);
    machine.on_start(k_start);
    machine.on_token(k_start, a_token(k_start, 1000s), 0.0);
    machine.on_timer(k_start + 700s);
    machine.on_failure(k_start + 701s, a_failure(ErrorCode::unreachable), 0.9);
    machine.on_timer(k_start + back);
    return *machine.on_token(k_start + back, a_token(k_start + back, 1000s), 0.5).wake_at - k_start - back;
  };
  EXPECT_EQ(next_after(1445s - 1ns), 30s) << "1475, which leaves just the thirty seconds that there must be";
  EXPECT_GT(next_after(1445s), 380s) << "too late for it: 38.75 % of a life, by chance";
  EXPECT_EQ(next_after(710s), 765s - 1ns);
}

TEST(RefreshBounds, ChanceLeavesTimeBeforeTheNextRefreshToo) {
  const BootTime boot(1s);
  Refresh machine({}, boot);
  machine.on_start(boot);
  EXPECT_EQ(machine.on_token(boot + 2s, a_token(boot, 1000s), 0.0).wake_at, boot + 2s + 30s);
}

TEST(RefreshBounds, AnOrderIsThatOfADueTimeThatIsPastOnly) {
  Refresh machine = failing(ErrorCode::unreachable);
  machine.on_timer(k_start + 10s);
  machine.on_token(k_start + 10s, a_token(k_start + 10s, 1000s), 0.0);
  // Asked for before it was due, while the device shares an outage.
  machine.on_refresh_wanted(k_start + 100s);
  machine.on_failure(k_start + 101s, a_failure(ErrorCode::unreachable), 0.5);
  machine.on_timer(k_start + 110s);
  EXPECT_EQ(machine.on_token(k_start + 110s, a_token(k_start + 110s, 1000s), 0.5).wake_at,
            k_start + 40s + 775s - 1ns);
}

TEST(RefreshBounds, EachReasonHasItsWord) {
  EXPECT_EQ(to_string(Reason::none), "none");
  EXPECT_EQ(to_string(Reason::refresh), "refresh");
  EXPECT_EQ(to_string(Reason::retry), "retry");
  EXPECT_EQ(to_string(Reason::probe), "probe");
}

}  // namespace
}  // namespace fob::core
