#include "daemon/core/refresh.hpp"

#include "daemon/core/refresh_draw.hpp"

#include <algorithm>
#include <utility>

namespace fob::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// No request waits longer (design.md §4).
constexpr seconds k_longest_wait{60};
// A token of a tiny lifetime must not become a storm of exchanges: fewer than 25 in 15 s.
constexpr milliseconds k_soonest_refresh{650};
// A start so soon after boot may be the end of a power cut, and then the device is not the only one.
constexpr minutes k_booting{10};

milliseconds until(BootTime now, BootTime when) {
  return std::max(std::chrono::ceil<milliseconds>(when - now), milliseconds(0));
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
  if (now.time_since_epoch() < k_booting) in_herd_ = true;
  return wants_keeping() ? attempt(now) : settled(now);
}

Actions Refresh::on_resumed(BootTime now, Resumption left) {
  if (!left.token && !left.retry_at) return on_start(now);
  token_ = std::move(left.token);
  refresh_at_ = token_ ? left.due : now;
  attempted_ = token_ ? token_->started : now;
  last_failure_ = std::move(left.failure);
  if (left.retry_at && last_failure_) {
    const bool needs_person = policy_of(last_failure_->code).needs_person;
    return attempt_at(now, std::max(*left.retry_at, now), needs_person ? Reason::probe : Reason::retry);
  }
  return wants_keeping() ? attempt_at(now, std::max(refresh_at_, now), Reason::refresh) : sleep(now);
}

Actions Refresh::on_settings_changed(BootTime now, RefreshSettings settings, bool worth_a_try) {
  settings_ = settings;
  last_demand_ = now;
  if (exchanging_) {
    way_changed_ = way_changed_ || worth_a_try;
    return settled(now);
  }
  if (worth_a_try && wants_keeping()) {
    backoff_.reset();
    probe_.reset();
    return attempt(now);
  }
  if (!wants_keeping() && reason_ == Reason::refresh) return sleep(now);
  return keep_fresh(now);
}

Actions Refresh::on_timer(BootTime now) {
  if (exchanging_ && give_up_at_ && now >= *give_up_at_) return give_up(now);
  if (!next_attempt_ || now < *next_attempt_) return settled(now);
  if (idle(now)) return sleep(now);
  return hastened_ ? attempt_for_change(now) : attempt(now);
}

Actions Refresh::on_token(BootTime now, TokenPtr token, double unit) {
  if (!token->alive(now))
    return on_failure(now, {ErrorCode::bad_answer, "the token's lifetime was over before it arrived", {}},
                      unit);
  exchanging_ = false;
  // A token of the credential before is better than none, and never better than one at hand.
  const bool outdated = again_ && this->token(now);
  if (!outdated) {
    refresh_at_ = refresh_time(now, *token, unit);
    token_ = std::move(token);
  }
  last_failure_.reset();
  backoff_.reset();
  probe_.reset();
  pacing_.reset();
  // An exchange that began before the change says nothing about the credential after it.
  if (again_) return attempt(now);
  removal_suspected_ = false;
  in_herd_ = false;
  return wants_keeping() ? attempt_at(now, refresh_at_, Reason::refresh) : sleep(now);
}

Actions Refresh::on_failure(BootTime now, Failure failure, double unit) {
  exchanging_ = false;
  if (!again_) {
    if (failure.code == ErrorCode::no_credential && removal_suspected_) token_.reset();
    removal_suspected_ = false;
  }
  const FailurePolicy policy = policy_of(failure.code);
  if (policy.shared) in_herd_ = true;
  milliseconds wait = policy.needs_person ? probe_.next(unit) : backoff_.next(unit);
  // The jitter comes on top: what an authority tells all its clients alike must not bring them back together.
  if (failure.retry_after) wait += *failure.retry_after;
  const bool may_be_mended = !failure.retry_after && changes_may_mend(failure.code);
  last_failure_ = std::move(failure);
  if (again_) return attempt(now);
  if (way_changed_) {
    backoff_.reset();
    probe_.reset();
    return attempt(now);
  }
  if (may_be_mended) wait = std::min(wait, until(now, pacing_.earliest(*attempted_, now)));
  const Actions actions = attempt_at(now, now + wait, policy.needs_person ? Reason::probe : Reason::retry);
  hastened_ = may_be_mended;
  return actions;
}

Actions Refresh::on_refresh_wanted(BootTime now) {
  last_demand_ = now;
  return exchanging_ ? settled(now) : attempt(now);
}

Actions Refresh::on_credential_changed(BootTime now) {
  backoff_.reset();
  probe_.reset();
  last_failure_.reset();
  rejected_.reset();
  removal_suspected_ = true;
  if (exchanging_) {
    again_ = true;
    return settled(now);
  }
  return attempt(now);
}

Actions Refresh::on_change(BootTime now, Change change) {
  if (exchanging_) {
    changes_.set(static_cast<std::size_t>(change));
    if (change != Change::clock_set && !give_up_at_) give_up_at_ = pacing_.earliest(*attempted_, now);
    return on_timer(now);
  }
  if (!next_attempt_ || idle(now)) return settled(now);
  if (now >= *next_attempt_) return on_timer(now);
  const bool helps = reason_ == Reason::retry && last_failure_ && !last_failure_->retry_after &&
                     ends_wait(change, last_failure_->code);
  if (!helps) return settled(now);
  const BootTime when = pacing_.earliest(*attempted_, now);
  if (now >= when) return attempt_for_change(now);
  const Actions actions = attempt_at(now, std::min(when, *next_attempt_), Reason::retry);
  hastened_ = true;
  return actions;
}

Actions Refresh::on_followed(BootTime now, bool followed) {
  followed_ = followed;
  last_demand_ = now;
  return keep_fresh(now);
}

Refresh::Answer Refresh::on_demand(BootTime now, std::optional<nanoseconds> min_ttl, BootTime patience) {
  last_demand_ = now;
  const TokenPtr at_hand = token(now);
  if (at_hand) {
    const nanoseconds wanted = min_ttl.value_or(default_min_ttl(at_hand->lifetime()));
    // A fresh token would live for about as long as this one did: wanting more cannot be helped by another
    // exchange.
    const bool helpless = wanted > at_hand->lifetime() || now - at_hand->started < spacing(*at_hand);
    if (at_hand->left(now) >= wanted || helpless) return {Verdict::serve, keep_fresh(now)};
  }
  if (exchanging_) return {Verdict::wait, settled(now)};
  if (attempt_allowed(now)) return {Verdict::wait, attempt(now)};
  if (at_hand) return {Verdict::serve, settled(now)};
  return {*next_attempt_ <= patience ? Verdict::wait : Verdict::fail, settled(now)};
}

const Token* Refresh::on_plain_demand(BootTime now, std::optional<nanoseconds> min_ttl) {
  // One that sleeps takes more than this.
  if (!token_ || asleep()) return nullptr;
  const nanoseconds left = token_->left(now);
  if (left <= nanoseconds(0) || left < min_ttl.value_or(default_min_ttl(token_->lifetime()))) return nullptr;
  last_demand_ = now;
  return token_.get();
}

Refresh::Answer Refresh::on_rejected(BootTime now, std::string_view fingerprint, BootTime patience) {
  const TokenPtr at_hand = token(now);
  if (!at_hand) return on_demand(now, std::nullopt, patience);
  last_demand_ = now;
  if (at_hand->fingerprint != fingerprint) return {Verdict::serve, settled(now)};
  if (exchanging_) return {Verdict::wait, settled(now)};
  const bool planned = next_attempt_ && reason_ == Reason::refresh;
  // What is wrong then is not the token: the exchange for its successor failed.
  if (next_attempt_ && !planned && now < *next_attempt_)
    return {*next_attempt_ <= patience ? Verdict::wait : Verdict::fail, settled(now)};
  if (now < rejectable_from())
    return {planned && *next_attempt_ <= patience ? Verdict::wait : Verdict::too_soon, settled(now)};
  rejected_ = now;
  const BootTime soonest = *attempted_ + k_soonest_refresh;
  return {Verdict::wait, now < soonest ? attempt_at(now, soonest, Reason::refresh) : attempt(now)};
}

BootTime Refresh::rejectable_from() const {
  return token_ && rejected_ ? *rejected_ + spacing(*token_) : BootTime();
}

Availability Refresh::availability(BootTime now) const {
  Availability availability{token(now), std::nullopt};
  if (!availability.token && last_failure_) availability.why_not = last_failure_->code;
  return availability;
}

Resumption Refresh::resumption(BootTime now) const {
  Resumption left{token(now), refresh_at_, std::nullopt, std::nullopt};
  if (last_failure_ && next_attempt_) {
    left.retry_at = next_attempt_;
    left.failure = last_failure_;
  }
  return left;
}

bool Refresh::minds_network() const {
  if (exchanging_) return true;
  return next_attempt_ && reason_ == Reason::retry && last_failure_ &&
         policy_of(last_failure_->code).ended_by_network;
}

Actions Refresh::attempt(BootTime now) {
  exchanging_ = true;
  attempted_ = now;
  again_ = way_changed_ = hastened_ = false;
  changes_.reset();
  give_up_at_.reset();
  next_attempt_.reset();
  reason_ = Reason::none;
  Actions actions = settled(now);
  actions.exchange = true;
  return actions;
}

Actions Refresh::attempt_for_change(BootTime now) {
  if (pacing_.hopeful(now)) backoff_.reset();
  pacing_.used(now);
  return attempt(now);
}

Actions Refresh::give_up(BootTime now) {
  Actions actions = attempt_for_change(now);
  actions.abandon = true;
  return actions;
}

bool Refresh::changes_may_mend(ErrorCode kind) const {
  for (const Change change : {Change::network_up, Change::clock_set, Change::resumed})
    if (changes_.test(static_cast<std::size_t>(change)) && ends_wait(change, kind)) return true;
  return false;
}

Actions Refresh::attempt_at(BootTime now, BootTime when, Reason reason) {
  next_attempt_ = when;
  reason_ = reason;
  hastened_ = false;
  return settled(now);
}

Actions Refresh::sleep(BootTime now) {
  next_attempt_.reset();
  reason_ = Reason::none;
  return settled(now);
}

// A profile that fell asleep and is wanted again picks up where its token is in life.
Actions Refresh::keep_fresh(BootTime now) {
  if (!asleep() || !wants_keeping()) return settled(now);
  if (token(now) && now < refresh_at_) return attempt_at(now, refresh_at_, Reason::refresh);
  return attempt(now);
}

Actions Refresh::settled(BootTime now) {
  Availability available = availability(now);
  const bool changed = available != published_;
  published_ = std::move(available);
  return {.exchange = false, .abandon = false, .publish = changed, .wake_at = wake_at(now)};
}

std::optional<BootTime> Refresh::wake_at(BootTime now) const {
  std::optional<BootTime> wake = exchanging_ ? give_up_at_ : next_attempt_;
  if (followed_ && token(now)) wake = std::min(wake.value_or(token_->deadline), token_->deadline);
  return wake;
}

BootTime Refresh::refresh_time(BootTime now, const Token& token, double unit) const {
  const nanoseconds after = part_of(token.lifetime(), draw(unit));
  if (!in_herd_) return std::max(token.started + after, now + k_soonest_refresh);
  // A fleet whose refreshes an outage held up goes on in the order in which they were due, so that the outage
  // leaves no wave behind. Without an order, or when it is too long ago, chance makes one.
  const BootTime soonest = now + spacing(token);
  const BootTime in_order = std::min(refresh_at_, token.started) + after;
  if (token_ && in_order >= soonest) return in_order;
  return std::max(token.started + part_of(token.lifetime(), draw_to_scatter(unit)), soonest);
}

bool Refresh::idle(BootTime now) const {
  if (followed_) return false;
  // On demand, a retry is worth it only while someone may still be waiting for it.
  const nanoseconds after = settings_.on_demand ? nanoseconds(k_longest_wait) : settings_.idle_after;
  return after.count() > 0 && now - last_demand_ >= after;
}

// A demand may bring a refresh forward, but never a retry: the backoff is what keeps a fleet from a storm.
bool Refresh::attempt_allowed(BootTime now) const {
  if (!next_attempt_ || now >= *next_attempt_) return true;
  return reason_ == Reason::refresh && now - *attempted_ >= k_soonest_refresh;
}

// How far apart exchanges are that demands or rejections ask for: a tenth of a token's life, between 1 and 30
// s.
nanoseconds Refresh::spacing(const Token& token) {
  return std::clamp<nanoseconds>(token.lifetime() / 10, seconds(1), seconds(30));
}

}  // namespace fob::core
