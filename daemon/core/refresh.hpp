// When to exchange: the refresh state machine of one profile. Pure: it has no clock, no socket and no
// randomness of its own. Events go in with the time and a draw, and out comes what to do. The driver
// (broker/token_keeper.cpp) obeys.
//
// What it promises: at most one exchange in flight; a token is dropped only when it is dead, replaced or its
// credential removed, never because a refresh failed; an older credential's token never replaces a newer
// one's; attempts are bounded under every failure (tests/unit/refresh_property_test.cpp). And a fleet that
// was brought together, by a power cut or an outage, drifts apart at its first refresh (tests/sim).
#pragma once

#include "daemon/core/backoff.hpp"
#include "daemon/core/change_pacing.hpp"
#include "daemon/core/failure_policy.hpp"
#include "daemon/core/token.hpp"
#include "ipc/base/error.hpp"

#include <bitset>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace fob::core {

struct RefreshSettings {
  bool on_demand = false;
  std::chrono::nanoseconds idle_after{};  ///< 0: never idle
};

/// Why the next attempt is when it is.
enum class Reason : std::uint8_t { none, refresh, retry, probe };
std::string_view to_string(Reason reason);

/// What the driver must do after an event. All of it is about now: an event replaces what the one before
/// said.
struct Actions {
  bool exchange = false;            ///< begin an exchange
  bool abandon = false;             ///< but first end the one under way, whose outcome no longer counts
  bool publish = false;             ///< what apps can have has changed; see availability()
  std::optional<BootTime> wake_at;  ///< call on_timer() then; nothing: sleep
};

/// What apps can have: a token, or the reason why not (neither: nothing is known yet).
struct Availability {
  TokenPtr token;
  std::optional<ErrorCode> why_not;

  bool operator==(const Availability&) const = default;
};

/// What a successor of this process is to go on from: no exchange is made again that was made, and no wait is
/// cut short.
struct Resumption {
  TokenPtr token;                    ///< alive, or nothing
  BootTime due;                      ///< when `token` is to be replaced
  std::optional<BootTime> retry_at;  ///< the last exchange failed, and the next one is to be then
  std::optional<Failure> failure;    ///< how; set where retry_at is
};

/// What a request for a token gets now.
enum class Verdict : std::uint8_t {
  serve,     ///< the token at hand
  wait,      ///< an exchange is under way, or will be before the request's patience ends
  fail,      ///< nothing to be had in time; see last_failure()
  too_soon,  ///< the token at hand replaced one that was rejected not long ago
};

class Refresh {
 public:
  Refresh(RefreshSettings settings, BootTime now) : settings_(settings), last_demand_(now) {}

  /// The beginning of it all.
  Actions on_start(BootTime now);
  /// The same, where a predecessor of this process left something; see resumption().
  Actions on_resumed(BootTime now, Resumption left);
  /// Other settings for the same authority: the token stays. `worth_a_try`: the way to the authority changed
  /// too, so that what failed before may now go well.
  Actions on_settings_changed(BootTime now, RefreshSettings settings, bool worth_a_try);
  Actions on_timer(BootTime now);
  Actions on_token(BootTime now, TokenPtr token, double unit);
  Actions on_failure(BootTime now, Failure failure, double unit);
  /// An operator wants a fresh token now, whatever the backoff says.
  Actions on_refresh_wanted(BootTime now);
  /// Another credential is in the store: what was learnt about the old one no longer counts.
  Actions on_credential_changed(BootTime now);
  /// The device's surroundings changed. A wait that this may end is ended, and an exchange that hangs on a
  /// network that is gone begins anew, as often as ChangePacing allows.
  Actions on_change(BootTime now, Change change);
  /// Someone follows the events of this profile, or the last one who did has left. While followed, a profile
  /// is kept fresh whatever its settings, and the death of its token is published to the instant.
  Actions on_followed(BootTime now, bool followed);

  struct Answer {
    Verdict verdict;
    Actions actions;
  };
  /// An app wants a token that lives for `min_ttl` more (nothing: the default margin) and would wait until
  /// `patience`.
  Answer on_demand(BootTime now, std::optional<std::chrono::nanoseconds> min_ttl, BootTime patience);
  /// The same, where that is to serve the token at hand and nothing else: then it is returned, and the demand
  /// noted. Where there is more to it, nullptr, and nothing has happened.
  const Token* on_plain_demand(BootTime now, std::optional<std::chrono::nanoseconds> min_ttl);
  /// An app got a 401 with the token of this fingerprint.
  Answer on_rejected(BootTime now, std::string_view fingerprint, BootTime patience);

  /// From when on a rejection is a reason for another exchange.
  BootTime rejectable_from() const;
  /// The token at hand if it is alive; never a dead one.
  TokenPtr token(BootTime now) const { return token_ && token_->alive(now) ? token_ : nullptr; }
  Availability availability(BootTime now) const;
  /// What this machine would go on from. While an exchange is under way, what is known is about to change.
  Resumption resumption(BootTime now) const;
  bool ever_had_token() const { return token_ != nullptr; }
  const RefreshSettings& settings() const { return settings_; }
  bool exchanging() const { return exchanging_; }
  bool asleep() const { return !exchanging_ && !next_attempt_; }
  /// Asleep, and who asked last was served, or would be by now: the failure was none that waiting does not
  /// mend.
  bool at_rest() const { return asleep() && (!last_failure_ || traits(last_failure_->code).waiting_helps); }
  /// Whether a change of the network could help: an exchange is under way, or waits to be tried again.
  bool minds_network() const;
  std::optional<BootTime> next_attempt() const { return next_attempt_; }
  Reason reason() const { return reason_; }
  /// Of the last exchange, if it failed.
  const std::optional<Failure>& last_failure() const { return last_failure_; }

 private:
  Actions attempt(BootTime now);
  Actions attempt_for_change(BootTime now);
  Actions give_up(BootTime now);
  bool changes_may_mend(ErrorCode kind) const;
  Actions attempt_at(BootTime now, BootTime when, Reason reason);
  Actions sleep(BootTime now);
  Actions keep_fresh(BootTime now);
  Actions settled(BootTime now);
  std::optional<BootTime> wake_at(BootTime now) const;
  BootTime refresh_time(BootTime now, const Token& token, double unit) const;
  bool wants_keeping() const { return !settings_.on_demand || followed_; }
  bool idle(BootTime now) const;
  bool attempt_allowed(BootTime now) const;
  static std::chrono::nanoseconds spacing(const Token& token);

  RefreshSettings settings_;
  TokenPtr token_;
  bool exchanging_ = false;
  bool followed_ = false;
  std::optional<BootTime> attempted_;  ///< when the last exchange began
  std::optional<BootTime> rejected_;   ///< when the last one began whose reason was a rejection
  // What happened since then, while it is in flight.
  bool again_ = false;        ///< the credential changed
  bool way_changed_ = false;  ///< the configuration changed, so that a failure says nothing any more
  std::bitset<3> changes_;    ///< what changed around the device, by Change
  std::optional<BootTime> give_up_at_;  ///< the network came up; an exchange that has not ended then hangs

  bool in_herd_ = false;   ///< what comes next, other devices may be doing in this very moment
  bool hastened_ = false;  ///< a change brought the next attempt forward
  BootTime refresh_at_;    ///< when the token at hand is due for replacement
  Availability published_;
  bool removal_suspected_ = false;
  std::optional<BootTime> next_attempt_;
  Reason reason_ = Reason::none;
  std::optional<Failure> last_failure_;
  BootTime last_demand_;
  JitteredBackoff backoff_;
  SlowProbe probe_;
  ChangePacing pacing_;
};

/// The margin of requests that name none: 10 s or 15 % of the lifetime, whichever is less (design.md §4).
std::chrono::nanoseconds default_min_ttl(std::chrono::nanoseconds lifetime);

}  // namespace fob::core
