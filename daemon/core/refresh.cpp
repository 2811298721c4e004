#include "daemon/core/refresh.hpp"

#include <algorithm>
#include <utility>

namespace fob::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// Refresh when between 70 and 85 % of the measured lifetime have gone by: early enough to survive an outage
// of some length, late enough to be no burden, and spread so that a fleet does not come all at once.
constexpr double k_refresh_from = 0.70, k_refresh_to = 0.85;

// No request waits longer (design.md §4).
constexpr seconds k_longest_wait{60};

// What only a person mends is probed slowly; the rest is worth trying again soon.
bool needs_a_person(ErrorCode code) {
  switch (code) {
    case ErrorCode::no_credential:
    case ErrorCode::rejected:
    case ErrorCode::forbidden:
    case ErrorCode::config:
      return true;
    default:
      return false;
  }
}

nanoseconds part_of(nanoseconds whole, double part) {
  return nanoseconds(static_cast<std::int64_t>(static_cast<double>(whole.count()) * part));
}

}  // namespace

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::none:
      return "none";
    case Reason::refresh:
      return "refresh";
    case Reason::retry:
      return "retry";
    case Reason::probe:
      return "probe";
  }
  return "none";
}

nanoseconds default_min_ttl(nanoseconds lifetime) {
  return std::min<nanoseconds>(seconds(10), part_of(lifetime, 0.15));
}

Actions Refresh::on_start(BootTime now) {
  if (exchanging_) return settled();
  if (settings_.on_demand || token(now)) return settled();
  return attempt();
}

Actions Refresh::on_settings_changed(BootTime now, RefreshSettings settings, bool worth_a_try) {
  settings_ = settings;
  last_demand_ = now;
  if (exchanging_) return settled();
  if (worth_a_try && !settings_.on_demand) {
    backoff_.reset();
    probe_.reset();
    return attempt();
  }
  if (settings_.on_demand && token(now)) return sleep();
  return next_attempt_ ? settled() : on_start(now);
}

Actions Refresh::on_timer(BootTime now) {
  if (exchanging_ || !next_attempt_ || now < *next_attempt_) return settled();
  return idle(now) ? sleep() : attempt();
}

Actions Refresh::on_token(BootTime now, TokenPtr token, double unit) {
  if (!token->alive(now))
    return on_failure(now, {ErrorCode::bad_answer, "the token's lifetime was over before it arrived", {}},
                      unit);
  exchanging_ = false;
  // A token of the credential before is better than none, and never better than one at hand.
  const bool outdated = again_ && this->token(now);
  if (!outdated) token_ = std::move(token);
  last_failure_.reset();
  backoff_.reset();
  probe_.reset();
  // An exchange that began before the change says nothing about the credential after it.
  if (std::exchange(again_, false)) return attempt();
  removal_suspected_ = false;
  if (settings_.on_demand) return sleep();

  const double part = k_refresh_from + (k_refresh_to - k_refresh_from) * unit;
  // Never sooner than the spacing: a token of a tiny lifetime must not become a storm of exchanges.
  const BootTime refresh_at =
      std::max(token_->started + part_of(token_->lifetime(), part), now + milliseconds(500));
  return attempt_at(refresh_at, Reason::refresh);
}

Actions Refresh::on_failure(BootTime now, Failure failure, double unit) {
  exchanging_ = false;
  if (!again_) {
    if (failure.code == ErrorCode::no_credential && removal_suspected_) token_.reset();
    removal_suspected_ = false;
  }
  const bool slow = needs_a_person(failure.code);
  milliseconds wait = slow ? probe_.next(unit) : backoff_.next(unit);
  if (failure.retry_after) wait = std::max(wait, *failure.retry_after);
  last_failure_ = std::move(failure);
  if (std::exchange(again_, false)) return attempt();
  return attempt_at(now + wait, slow ? Reason::probe : Reason::retry);
}

Actions Refresh::on_refresh_wanted(BootTime now) {
  last_demand_ = now;
  return exchanging_ ? settled() : attempt();
}

Actions Refresh::on_credential_changed(BootTime) {
  backoff_.reset();
  probe_.reset();
  last_failure_.reset();
  removal_suspected_ = true;
  if (exchanging_) {
    again_ = true;
    return settled();
  }
  return attempt();
}

Refresh::Answer Refresh::on_demand(BootTime now, std::optional<nanoseconds> min_ttl, BootTime patience) {
  last_demand_ = now;
  const TokenPtr at_hand = token(now);
  if (at_hand) {
    const nanoseconds wanted = min_ttl.value_or(default_min_ttl(at_hand->lifetime()));
    // A fresh token would live for about as long as this one did: wanting more cannot be helped by another
    // exchange.
    const bool helpless = wanted > at_hand->lifetime() || now - at_hand->started < spacing();
    if (at_hand->left(now) >= wanted || helpless) return {Verdict::serve, settled()};
  }
  if (exchanging_) return {Verdict::wait, settled()};
  if (attempt_allowed(now)) return {Verdict::wait, attempt()};
  if (at_hand) return {Verdict::serve, settled()};
  return {*next_attempt_ <= patience ? Verdict::wait : Verdict::fail, settled()};
}

Refresh::Answer Refresh::on_rejected(BootTime now, std::string_view fingerprint, BootTime patience) {
  const TokenPtr at_hand = token(now);
  if (!at_hand) return on_demand(now, std::nullopt, patience);
  last_demand_ = now;
  if (at_hand->fingerprint != fingerprint) return {Verdict::serve, settled()};
  if (exchanging_) return {Verdict::wait, settled()};
  if (now - at_hand->started < spacing()) return {Verdict::too_soon, settled()};
  if (attempt_allowed(now)) return {Verdict::wait, attempt()};
  return {Verdict::fail, settled()};
}

Actions Refresh::attempt() {
  exchanging_ = true;
  next_attempt_.reset();
  reason_ = Reason::none;
  return {.exchange = true, .wake_at = std::nullopt};
}

Actions Refresh::attempt_at(BootTime when, Reason reason) {
  next_attempt_ = when;
  reason_ = reason;
  return settled();
}

Actions Refresh::sleep() {
  next_attempt_.reset();
  reason_ = Reason::none;
  return settled();
}

Actions Refresh::settled() const { return {.exchange = false, .wake_at = next_attempt_}; }

bool Refresh::idle(BootTime now) const {
  // On demand, a retry is worth it only while someone may still be waiting for it.
  const nanoseconds after = settings_.on_demand ? nanoseconds(k_longest_wait) : settings_.idle_after;
  return after.count() > 0 && now - last_demand_ >= after;
}

// A demand may bring a refresh forward, but never a retry: the backoff is what keeps a fleet from a storm.
bool Refresh::attempt_allowed(BootTime now) const {
  return !next_attempt_ || reason_ == Reason::refresh || now >= *next_attempt_;
}

// How old a token must be before a demand or a rejection may replace it: a tenth of its life, between 1 and
// 30 s.
nanoseconds Refresh::spacing() const {
  return std::clamp<nanoseconds>(token_ ? token_->lifetime() / 10 : nanoseconds(0), seconds(1), seconds(30));
}

}  // namespace fob::core
