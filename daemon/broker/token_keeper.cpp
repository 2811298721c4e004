#include "daemon/broker/token_keeper.hpp"

#include "daemon/broker/following.hpp"
#include "ipc/base/fingerprint.hpp"
#include "ipc/transport/awaiting.hpp"
#include "ipc/transport/timers.hpp"
#include "ipc/wire/limits.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace fob::broker {
namespace asio = boost::asio;

namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// For Retry-After: whole, and never "at once".
seconds in_seconds(nanoseconds left) { return std::max(std::chrono::ceil<seconds>(left), seconds(1)); }

// An outage as long as this passes by itself: a device awakes, or a network comes up.
constexpr seconds k_passing{60};

}  // namespace

TokenKeeper::TokenKeeper(std::string profile, KeeperSettings settings, const Surroundings& surroundings)
    : profile_(std::move(profile)),
      around_(surroundings),
      machine_(settings.refresh, surroundings.clock.boot_now()),
      slots_(std::make_shared<SlotExchange>(profile_, settings.auto_fallback, surroundings)),
      timer_(surroundings.executor),
      purpose_(std::move(settings.purpose)) {}

void TokenKeeper::start() {
  asio::co_spawn(around_.executor, keep_time(shared_from_this()), asio::detached);
  left_ = around_.recall(profile_, purpose_);
  if (left_.token) told_version_ = left_.token->credential_version;
  apply(machine_.on_resumed(around_.clock.boot_now(), left_));
}

void TokenKeeper::reconfigure(KeeperSettings settings, bool worth_a_try) {
  if (slots_->set_auto_fallback(settings.auto_fallback)) worth_a_try = true;
  apply(machine_.on_settings_changed(around_.clock.boot_now(), settings.refresh, worth_a_try));
}

void TokenKeeper::retire(wire::Problem why) {
  retired_ = std::move(why);
  timer_.close();
  abandon_.emit(asio::cancellation_type::terminal);
  for (auto* waiting : waiting_) waiting->cancel();
  wake_followers();
}

void TokenKeeper::wake_followers() {
  for (auto* follower : followers_) follower->wake();
}

void TokenKeeper::change(core::Change change) {
  // What the authority said of the clock, it said of another.
  if (change == core::Change::clock_set) clock_skew_.reset();
  apply(machine_.on_change(around_.clock.boot_now(), change));
}

asio::awaitable<TokenOutcome> TokenKeeper::token(std::optional<milliseconds> min_ttl, milliseconds wait) {
  const auto self = shared_from_this();
  const core::TokenPtr before = machine_.token(around_.clock.boot_now());
  if (before && serves_plainly(before, min_ttl, around_.clock.boot_now())) co_return outcome();
  BootTime patience = around_.clock.boot_now() + wait;
  // A token that is alive but near its end is worth waiting for, though never so long that it dies meanwhile.
  if (before)
    patience = std::min(patience, around_.clock.boot_now() + before->left(around_.clock.boot_now()) / 2);

  while (!retired_) {
    const BootTime now = around_.clock.boot_now();
    const auto answer = machine_.on_demand(now, min_ttl, patience);
    apply(answer.actions);
    if (answer.verdict != core::Verdict::wait || now >= patience) break;
    const std::uint64_t settled = settled_;
    co_await await_settlement(patience);
    // One exchange has been had: its token is the freshest there is, however long it lives.
    const core::TokenPtr token = machine_.token(around_.clock.boot_now());
    if (token && (token != before || settled != settled_)) break;
  }
  co_return outcome();
}

bool TokenKeeper::serves_plainly(const core::TokenPtr& token, std::optional<milliseconds> min_ttl,
                                 BootTime now) {
  return !retired_ && machine_.on_plain_demand(now, min_ttl) == token.get();
}

asio::awaitable<TokenOutcome> TokenKeeper::replace_rejected(std::string fingerprint, milliseconds wait) {
  const auto self = shared_from_this();
  const BootTime patience = around_.clock.boot_now() + wait;
  const auto answer = machine_.on_rejected(around_.clock.boot_now(), fingerprint, patience);
  apply(answer.actions);
  if (answer.verdict == core::Verdict::too_soon) {
    ++rejections_.too_soon;
    co_return wire::Problem{
        ErrorCode::too_many_requests,
        "this token has just replaced one that was reported; if the API still answers 401, the token is "
        "not meant for it: check the profile's endpoint and scopes",
        in_seconds(machine_.rejectable_from() - around_.clock.boot_now())};
  }
  if (answer.verdict == core::Verdict::wait) co_await await_settlement(patience);
  const core::TokenPtr token = machine_.token(around_.clock.boot_now());
  // The rejected token itself is no answer: say why there is no other.
  const bool only_it = token && token->fingerprint == fingerprint;
  TokenOutcome other = only_it ? TokenOutcome(problem()) : outcome();
  ++(other ? rejections_.ok : rejections_.failed);
  co_return other;
}

asio::awaitable<TokenOutcome> TokenKeeper::refresh() {
  const std::uint64_t number = begun_ + (machine_.exchanging() ? 0 : 1);
  apply(machine_.on_refresh_wanted(around_.clock.boot_now()));
  return await_exchange(number);
}

asio::awaitable<TokenOutcome> TokenKeeper::credential_changed() {
  const std::uint64_t number = begun_ + 1;
  slots_->credential_changed();
  end_alarm("the credential changed");
  apply(machine_.on_credential_changed(around_.clock.boot_now()));
  return await_exchange(number);
}

// The outcome of that exchange, or of a later one if it was given up.
asio::awaitable<TokenOutcome> TokenKeeper::await_exchange(std::uint64_t number) {
  const auto self = shared_from_this();
  const auto before_it = static_cast<int>(number - settled_);
  const BootTime patience =
      around_.clock.boot_now() + std::clamp(before_it, 1, 2) * (wire::k_refresh_deadline + seconds(5));
  while (!retired_ && settled_ < number && around_.clock.boot_now() < patience)
    co_await await_settlement(patience);
  if (settled_ < number || machine_.last_failure()) co_return problem();
  co_return available();
}

TokenKeeper::Status TokenKeeper::status() const {
  const BootTime now = around_.clock.boot_now();
  Status status{};
  status.token = machine_.token(now);
  status.ever_had_token = machine_.ever_had_token();
  status.on_demand = machine_.settings().on_demand;
  status.exchanging = machine_.exchanging();
  status.idle = machine_.at_rest();
  if (const auto next = machine_.next_attempt())
    status.next_attempt_in = std::max(*next - now, nanoseconds(0));
  status.reason = machine_.reason();
  status.last_failure = last_failure_;
  status.failing = machine_.last_failure().has_value();
  status.last_failure_at = last_failure_at_;
  status.exchanges_ok = ok_;
  status.exchanges_failed = failed_;
  status.failures = failures_;
  status.took = took_;
  status.rejections = rejections_;
  status.clock_skew = clock_skew_;
  status.served = served_;
  status.alarm = alarm_.state();
  status.slots = slots_->status();
  return status;
}

void TokenKeeper::apply(core::Actions actions) {
  if (retired_) return;
  if (actions.wake_at) {
    timer_.arm(*actions.wake_at);
  } else {
    timer_.disarm();
  }
  if (actions.abandon) {
    around_.log.say(Event::exchange_given_up,
                    "the exchange under way is given up for a new one: it began before the network came up",
                    {.profile = profile_});
    abandon_.emit(asio::cancellation_type::terminal);
  }
  if (actions.exchange) begin_exchange();
  if (actions.publish) wake_followers();
  leave_behind();
  around_.stirred();
}

// Only what an exchange brought is worth a write; and while one is under way, what was true before it.
void TokenKeeper::leave_behind() {
  if (machine_.exchanging()) return;
  core::Resumption state = machine_.resumption(around_.clock.boot_now());
  if (state.token == left_.token && state.retry_at == left_.retry_at) return;
  left_ = std::move(state);
  around_.keep(profile_, purpose_, left_);
}

// The one that was given up must have ended first: there are never two at once.
void TokenKeeper::begin_exchange() {
  if (in_flight_) {
    begin_anew_ = true;
    return;
  }
  in_flight_ = true;
  ++begun_;
  // co_spawn runs a coroutine at once. An exchange that failed without a pause would settle inside of
  // apply(), under the feet of whoever is about to wait for it.
  asio::post(around_.executor, [self = shared_from_this()] {
    if (self->retired_) return;
    self->began_ = self->around_.clock.boot_now();
    auto ended = [self](std::exception_ptr error, SlotExchange::Outcome outcome) {
      self->exchange_ended(error, outcome);
    };
    asio::co_spawn(self->around_.executor, SlotExchange::run(self->slots_),
                   asio::bind_cancellation_slot(self->abandon_.slot(), std::move(ended)));
  });
}

void TokenKeeper::exchange_ended(std::exception_ptr error, const SlotExchange::Outcome& outcome) {
  in_flight_ = false;
  transport::forget_met_deadlines(around_.executor);
  if (retired_) return;
  if (std::exchange(begin_anew_, false)) return begin_exchange();
  if (!error) return settle(outcome);
  settle(core::Failure{ErrorCode::bad_answer, "fobd could not run the exchange; please report this", {}});
}

asio::awaitable<void> TokenKeeper::keep_time(std::shared_ptr<TokenKeeper> self) {
  while (true) {
    const bool due = co_await self->timer_.wait();
    if (!due) co_return;
    // A failure to begin one exchange must not be the end of all that come after.
    try {
      self->apply(self->machine_.on_timer(self->around_.clock.boot_now()));
    } catch (const std::exception& exception) {
      self->around_.log.say(Event::bug, std::string(exception.what()) + "; please report this",
                            {.profile = self->profile_});
      self->timer_.arm(self->around_.clock.boot_now() + seconds(1));
    }
  }
}

void TokenKeeper::settle(const SlotExchange::Outcome& outcome) {
  took_.add(around_.clock.boot_now() - began_);
  const core::Actions actions = std::visit([this](const auto& known) { return take(known); }, outcome);
  settled_ = begun_;
  apply(actions);
  for (auto* waiting : waiting_) waiting->cancel();
}

core::Actions TokenKeeper::take(const wire::ExchangeSuccess& success) {
  // The token's life counts from there, so it must lie within this exchange by our own clock.
  const BootTime started(success.started_boottime);
  if (started < began_ || started > around_.clock.boot_now())
    return take(
        core::Failure{ErrorCode::bad_answer,
                      "fob-exchange counts time otherwise than fobd; both must run in one time namespace",
                      {}});
  auto token = std::make_shared<core::Token>();
  token->access_token = success.access_token;
  token->fingerprint = fingerprint(success.access_token);
  token->scopes = success.scopes;
  token->credential_version = success.credential_version;
  token->credential_stored_at = success.credential_stored_at;
  token->started = started;
  token->deadline = token->started + success.expires_in;
  if (success.clock_skew) clock_skew_ = success.clock_skew;
  ++ok_;
  failing_since_.reset();
  tell_of(*token);
  end_alarm("there is a new token");
  return machine_.on_token(around_.clock.boot_now(), std::move(token), around_.random.unit());
}

core::Actions TokenKeeper::take(const core::Failure& failure) {
  ++failed_;
  ++failures_[failure.code];
  last_failure_ = failure;
  last_failure_at_ = around_.clock.wall_now();
  const BootTime now = around_.clock.boot_now();
  if (!failing_since_) failing_since_ = now;
  const auto actions = machine_.on_failure(now, failure, around_.random.unit());
  // Where it is tried again at once, something changed meanwhile, and the failure says nothing any more.
  const bool alarming =
      !machine_.exchanging() && alarm_.on_failure(failure, machine_.ever_had_token(), *last_failure_at_);
  const auto token = machine_.token(now);
  const std::string effect =
      token ? "the token at hand lives " +
                  std::to_string(std::chrono::floor<seconds>(token->left(now)).count()) + " s"
            : "apps get no token";
  const auto next = machine_.next_attempt();
  const std::string again =
      next ? "in " + std::to_string(std::chrono::ceil<seconds>(*next - now).count()) + " s" : "at once";
  around_.log.say(alarming ? Event::alarm : event_of(failure, now),
                  (alarming ? "ALARM: " : "") + ("no new token (" + std::string(traits(failure.code).kind)) +
                      "): " + failure.detail + "; " + effect + "; next attempt " + again,
                  {.profile = profile_, .failure = failure.code});
  return actions;
}

// What a failure that begins no alarm means to whoever reads of it.
Event TokenKeeper::event_of(const core::Failure& failure, BootTime now) const {
  if (machine_.exchanging()) return Event::refresh_failed;
  if (core::policy_of(failure.code).needs_person) return Event::person_needed;
  const bool lasts = now - *failing_since_ >= k_passing;
  return lasts && !machine_.token(now) ? Event::no_token : Event::refresh_failed;
}

void TokenKeeper::tell_of(const core::Token& token) {
  const std::string version = std::to_string(token.credential_version);
  const About about{
      .profile = profile_, .fingerprint = token.fingerprint, .credential_version = token.credential_version};
  const std::uint64_t before = std::exchange(told_version_, token.credential_version);
  if (before != 0 && before != told_version_)
    around_.log.say(
        Event::credential_in_force,
        "tokens are of credential version " + version + " now, before of " + std::to_string(before), about);
  const auto life = std::chrono::round<seconds>(token.left(around_.clock.boot_now()));
  around_.log.say(Event::token,
                  "token " + token.fingerprint + " of credential version " + version + " for " +
                      std::to_string(life.count()) + " s",
                  about);
}

void TokenKeeper::end_alarm(std::string_view why) {
  if (alarm_.end())
    around_.log.say(Event::alarm_over, "the alarm is over: " + std::string(why), {.profile = profile_});
}

TokenOutcome TokenKeeper::available() const {
  const core::TokenPtr token = machine_.token(around_.clock.boot_now());
  if (!token || retired_) return problem();
  return token;
}

TokenOutcome TokenKeeper::outcome() {
  TokenOutcome outcome = available();
  if (outcome) ++served_;
  return outcome;
}

wire::Problem TokenKeeper::problem() const {
  if (retired_) return *retired_;
  const auto& failure = machine_.last_failure();
  if (!failure)
    return {ErrorCode::timeout, "the authority has not answered yet; ask again, or wait longer (wait=S)",
            seconds(1)};
  wire::Problem problem{failure->code, failure->detail, std::nullopt};
  if (!traits(failure->code).waiting_helps) return problem;
  // While the next attempt is under way, its outcome is near.
  const auto next = machine_.next_attempt();
  problem.retry_after = next ? in_seconds(*next - around_.clock.boot_now()) : seconds(1);
  return problem;
}

asio::awaitable<void> TokenKeeper::await_settlement(BootTime until) {
  const nanoseconds left = std::max(until - around_.clock.boot_now(), nanoseconds(0));
  asio::steady_timer timer(around_.executor, std::chrono::ceil<milliseconds>(left));
  const auto place = waiting_.insert(waiting_.end(), &timer);
  co_await timer.async_wait(transport::k_tuple);
  waiting_.erase(place);
}

std::string_view state_word(const TokenKeeper::Status& status) {
  if (status.token) return "valid";
  if (status.idle) return "idle";
  return status.ever_had_token ? "expired" : "none";
}

}  // namespace fob::broker
