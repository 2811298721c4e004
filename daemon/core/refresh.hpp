// When to exchange: the refresh state machine of one profile. Pure: it has no clock, no socket and no
// randomness of its own. Events go in with the time and a draw, and out comes what to do. The driver
// (broker/profile.cpp) obeys.
//
// What it promises: at most one exchange in flight; a token is dropped only when it is dead, replaced or its
// credential removed, never because a refresh failed; an older credential's token never replaces a newer
// one's; attempts are bounded under every failure.
#pragma once

#include "daemon/core/backoff.hpp"
#include "daemon/core/token.hpp"
#include "ipc/base/error.hpp"

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

struct Failure {
  ErrorCode code = ErrorCode::internal;
  std::string detail;
  std::optional<std::chrono::milliseconds> retry_after;
};

/// What the driver must do after an event: start an exchange if told so, and let a timer call on_timer() at
/// wake_at.
struct Actions {
  bool exchange = false;
  std::optional<BootTime> wake_at;
};

/// What a request for a token gets now.
enum class Verdict : std::uint8_t {
  serve,     ///< the token at hand
  wait,      ///< an exchange is under way, or will be before the request's patience ends
  fail,      ///< nothing to be had in time; see last_failure()
  too_soon,  ///< the token at hand was just rejected, and is too new to be replaced yet
};

class Refresh {
 public:
  Refresh(RefreshSettings settings, BootTime now) : settings_(settings), last_demand_(now) {}

  /// The beginning of it all.
  Actions on_start(BootTime now);
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

  struct Answer {
    Verdict verdict;
    Actions actions;
  };
  /// An app wants a token that lives for `min_ttl` more (nothing: the default margin) and would wait until
  /// `patience`.
  Answer on_demand(BootTime now, std::optional<std::chrono::nanoseconds> min_ttl, BootTime patience);
  /// An app got a 401 with the token of this fingerprint.
  Answer on_rejected(BootTime now, std::string_view fingerprint, BootTime patience);

  /// From when on the token at hand may be replaced because it was rejected.
  BootTime replaceable_from() const { return token_ ? token_->started + spacing() : BootTime(); }
  /// The token at hand if it is alive; never a dead one.
  TokenPtr token(BootTime now) const { return token_ && token_->alive(now) ? token_ : nullptr; }
  bool ever_had_token() const { return token_ != nullptr; }
  bool exchanging() const { return exchanging_; }
  bool asleep() const { return !exchanging_ && !next_attempt_; }
  std::optional<BootTime> next_attempt() const { return next_attempt_; }
  Reason reason() const { return reason_; }
  /// Of the last exchange, if it failed.
  const std::optional<Failure>& last_failure() const { return last_failure_; }

 private:
  Actions attempt();
  Actions attempt_at(BootTime when, Reason reason);
  Actions sleep();
  Actions settled() const;
  bool idle(BootTime now) const;
  bool attempt_allowed(BootTime now) const;
  std::chrono::nanoseconds spacing() const;

  RefreshSettings settings_;
  TokenPtr token_;
  bool exchanging_ = false;
  bool again_ = false;  ///< the credential changed while an exchange was in flight
  bool removal_suspected_ = false;
  std::optional<BootTime> next_attempt_;
  Reason reason_ = Reason::none;
  std::optional<Failure> last_failure_;
  BootTime last_demand_;
  JitteredBackoff backoff_;
  SlowProbe probe_;
};

/// The margin of requests that name none: 10 s or 15 % of the lifetime, whichever is less (design.md §4).
std::chrono::nanoseconds default_min_ttl(std::chrono::nanoseconds lifetime);

}  // namespace fob::core
