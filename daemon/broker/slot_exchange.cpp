#include "daemon/broker/slot_exchange.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace fob::broker {
namespace asio = boost::asio;

using core::SlotChoice;

namespace {

wire::Slot on_the_wire(core::Slot slot) {
  switch (slot) {
    case core::Slot::current:
      break;
    case core::Slot::next:
      return wire::Slot::next;
    case core::Slot::previous:
      return wire::Slot::previous;
  }
  return wire::Slot::current;
}

core::Failure given_up() { return {ErrorCode::timeout, "the exchange was given up for a new one", {}}; }

}  // namespace

SlotExchange::SlotExchange(std::string profile, bool auto_fallback, const Surroundings& around)
    : profile_(std::move(profile)), around_(around), choice_(profile_, auto_fallback) {}

// Each process is waited for by a coroutine of its own. One that has answered is awaited to the last without
// regard to cancellation, which must not extend to those that come after it.
asio::awaitable<SlotExchange::Outcome> SlotExchange::run(std::shared_ptr<SlotExchange> self) {
  self->successes_.clear();
  SlotChoice::Step step = self->choice_.begin();
  while (true) {
    const auto executor = self->around_.executor;
    std::optional<wire::ExchangeAnswer> answer;
    PromotionOutcome promotion;
    if (const auto* taken = std::get_if<SlotChoice::Take>(&step)) {
      co_return Outcome(std::move(self->successes_.at(taken->slot)));
    } else if (auto* failure = std::get_if<SlotChoice::Fail>(&step)) {
      co_return Outcome(std::move(*failure));
    } else if (const auto* asked = std::get_if<SlotChoice::Ask>(&step)) {
      wire::ExchangeRequest request{self->profile_, on_the_wire(asked->slot)};
      auto exchange = self->around_.exchange(std::move(request));
      answer = co_await asio::co_spawn(executor, std::move(exchange), asio::use_awaitable);
    } else {
      auto promoting =
          self->around_.promote(self->profile_, std::get<SlotChoice::PromoteStaged>(step).version);
      promotion = co_await asio::co_spawn(executor, std::move(promoting), asio::use_awaitable);
    }
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return Outcome(given_up());
    step = answer ? self->take(std::get<SlotChoice::Ask>(step).slot, std::move(*answer))
                  : self->take(std::get<SlotChoice::PromoteStaged>(step).version, promotion);
    self->tell_of_staged();
    self->tell_of_fallback();
  }
}

void SlotExchange::credential_changed() {
  choice_.on_credential_changed();
  staged_refused_.reset();
  tell_of_fallback();
}

bool SlotExchange::set_auto_fallback(bool wanted) {
  const bool worth_a_try = choice_.set_auto_fallback(wanted);
  tell_of_fallback();
  return worth_a_try;
}

SlotExchange::Status SlotExchange::status() const {
  return {choice_.offer(), choice_.fallback(), staged_refused_};
}

SlotChoice::Step SlotExchange::take(core::Slot slot, wire::ExchangeAnswer answer) {
  if (auto* success = std::get_if<wire::ExchangeSuccess>(&answer)) {
    const std::uint64_t version = success->credential_version;
    successes_[slot] = std::move(*success);
    return choice_.on_success(version);
  }
  const auto& failure = std::get<wire::ExchangeFailure>(answer);
  return choice_.on_failure({failure.code, failure.detail, failure.retry_after});
}

SlotChoice::Step SlotExchange::take(std::uint64_t version, const PromotionOutcome& promotion) {
  const std::string number = std::to_string(version);
  const About about{.profile = profile_, .credential_version = version};
  switch (promotion.outcome) {
    case core::Promotion::promoted:
      around_.log.say(Event::promoted, "the staged credential works and is in force now: version " + number,
                      about);
      break;
    case core::Promotion::left_alone:
      around_.log.say(Event::staged_waits,
                      "the staged credential works (version " + number +
                          "); its rotation is under way, or was cut off: fob credential promote " + profile_ +
                          " would put it in force",
                      about);
      break;
    case core::Promotion::failed:
      around_.log.say(Event::not_promoted,
                      "the staged credential works (version " + number +
                          ") but could not be put in force, which is tried again at the next refresh: " +
                          promotion.detail,
                      about);
      break;
  }
  return choice_.on_promotion(promotion.outcome);
}

void SlotExchange::tell_of_staged() {
  const auto& refusal = choice_.staged_refusal();
  if (refusal && !staged_refused_)
    around_.log.say(Event::staged_refused,
                    "the staged credential is refused (" + std::string(traits(refusal->code).kind) +
                        "): " + refusal->detail + "; it is not put in force",
                    {.profile = profile_, .failure = refusal->code});
  if (!refusal) {
    staged_refused_.reset();
  } else if (!staged_refused_ || staged_refused_->detail != refusal->detail) {
    staged_refused_ = StagedRefused{refusal->detail, around_.clock.wall_now()};
  }
}

void SlotExchange::tell_of_fallback() {
  const auto fallback = choice_.fallback();
  if (fallback == fallback_) return;
  if (fallback)
    around_.log.say(Event::fallback,
                    "FALLBACK: the credential in force is refused; the " + std::string(to_string(*fallback)) +
                        " one (version " + std::to_string(choice_.offer()->version) +
                        ") is used in its place. To put it in force: fob credential " +
                        std::string(command_of(*choice_.offer())) + " " + profile_,
                    {.profile = profile_, .credential_version = choice_.offer()->version});
  else
    around_.log.say(Event::fallback_over,
                    "the fallback to the " + std::string(to_string(*fallback_)) + " credential is over",
                    {.profile = profile_});
  fallback_ = fallback;
}

std::string_view to_string(core::Slot slot) { return wire::to_string(on_the_wire(slot)); }

}  // namespace fob::broker
