#include "daemon/core/slot_choice.hpp"

namespace fob::core {
namespace {

std::string in_words(const Offer& offer, const std::string& profile) {
  const std::string version = " credential (version " + std::to_string(offer.version) + ") ";
  return (offer.slot == Slot::previous ? "the previous" + version + "still works"
                                       : "the staged" + version + "works") +
         ": fob credential " + std::string(command_of(offer)) + " " + profile;
}

}  // namespace

std::string_view command_of(const Offer& offer) {
  return offer.slot == Slot::previous ? "rollback" : "promote";
}

SlotChoice::Step SlotChoice::begin() {
  run_ = {};
  if (known_.fallback) return ask(*known_.fallback);
  return ask(known_.staged == Staged::unknown ? Slot::next : Slot::current);
}

SlotChoice::Step SlotChoice::on_success(std::uint64_t version) {
  switch (run_.asking) {
    case Slot::next:
      mind().staged_refusal.reset();
      if (mind().left_alone == version) return staged_works(version);
      run_.promoting = version;
      return PromoteStaged{version};
    case Slot::previous:
      return other_works(Slot::previous, version);
    case Slot::current:
      break;
  }
  // Whatever was wrong with it is over.
  Knowledge& known = mind();
  known.current_refused = false;
  known.tried.reset();
  known.offer.reset();
  known.fallback.reset();
  return Take{Slot::current};
}

SlotChoice::Step SlotChoice::on_promotion(Promotion outcome) {
  switch (outcome) {
    case Promotion::promoted:
      mind() = {};
      mind().staged = Staged::none;
      break;
    case Promotion::left_alone:
      return staged_works(run_.promoting);
    case Promotion::failed:
      // It works, so its token is used; the next refresh tries to promote it again.
      mind().staged = Staged::unknown;
      mind().fallback.reset();
      break;
  }
  return Take{Slot::next};
}

SlotChoice::Step SlotChoice::on_failure(const Failure& failure) {
  const FailurePolicy policy = policy_of(failure.code);
  if (run_.asking == Slot::current) {
    run_.current_failure = failure;
    return after_current_failed();
  }
  const bool stands = policy.refused || failure.code == ErrorCode::no_credential;
  mind().tried.set(static_cast<std::size_t>(run_.asking), stands);
  if (run_.asking == Slot::next) learn_of_staged(failure);
  return after_other_failed(failure);
}

void SlotChoice::on_credential_changed() {
  if (!run_.outdated) run_.outdated = known_;
  known_ = {};
}

bool SlotChoice::set_auto_fallback(bool wanted) {
  if (wanted == auto_fallback_) return false;
  auto_fallback_ = wanted;
  // The others are to be asked once more, for what is now to be done with their answer.
  known_.tried.reset();
  known_.offer.reset();
  known_.fallback.reset();
  return wanted && known_.current_refused;
}

SlotChoice::Step SlotChoice::ask(Slot slot) {
  run_.asking = slot;
  run_.asked.set(static_cast<std::size_t>(slot));
  return Ask{slot};
}

SlotChoice::Step SlotChoice::staged_works(std::uint64_t version) {
  mind().staged = Staged::left_alone;
  mind().left_alone = version;
  run_.standby = version;
  return other_works(Slot::next, version);
}

// In the place of the current one if that is refused, else not at all.
SlotChoice::Step SlotChoice::other_works(Slot slot, std::uint64_t version) {
  Knowledge& known = mind();
  const bool used_already = known.fallback == slot;
  if (!used_already && !asked(Slot::current)) return ask(Slot::current);
  known.offer = Offer{slot, version};
  if (used_already) return Take{slot};
  if (run_.current_failure->code == ErrorCode::no_credential) return refuse();
  if (!auto_fallback_) return refuse();
  known.fallback = slot;
  return Take{slot};
}

void SlotChoice::learn_of_staged(const Failure& failure) {
  run_.next_failure = failure;
  Knowledge& known = mind();
  if (policy_of(failure.code).refused) {
    known.staged = Staged::refused;
    known.staged_refusal = failure;
  } else if (failure.code == ErrorCode::no_credential) {
    known.staged = Staged::none;
    known.staged_refusal.reset();
  } else {
    return;
  }
  known.left_alone.reset();
}

SlotChoice::Step SlotChoice::after_other_failed(const Failure& failure) {
  Knowledge& known = mind();
  const FailurePolicy policy = policy_of(failure.code);
  // An authority that asks for a pause gets it.
  if (policy.any_credential || (failure.retry_after && !policy.refused)) {
    const bool refused = run_.current_failure && policy_of(run_.current_failure->code).refused;
    return refused ? refuse() : Step(failure);
  }
  if (known.fallback == run_.asking) known.fallback.reset();
  if (known.offer && known.offer->slot == run_.asking) known.offer.reset();
  return asked(Slot::current) ? after_current_failed() : ask(Slot::current);
}

SlotChoice::Step SlotChoice::after_current_failed() {
  const ErrorCode code = run_.current_failure->code;
  if (policy_of(code).refused) return after_current_refused();
  if (code == ErrorCode::no_credential) return after_current_missing();
  return *run_.current_failure;
}

SlotChoice::Step SlotChoice::after_current_refused() {
  mind().current_refused = true;
  if (mind().offer && !auto_fallback_) return refuse();
  if (run_.standby) return other_works(Slot::next, *run_.standby);
  if (!asked(Slot::next) && !tried(Slot::next) && mind().staged != Staged::refused) return ask(Slot::next);
  if (!asked(Slot::previous) && !tried(Slot::previous)) return ask(Slot::previous);
  return refuse();
}

// Nothing is in force yet. The one before is not asked: whoever removed the current one meant it.
SlotChoice::Step SlotChoice::after_current_missing() {
  if (run_.standby) return other_works(Slot::next, *run_.standby);
  if (!asked(Slot::next) && mind().staged != Staged::none) return ask(Slot::next);
  if (run_.next_failure && run_.next_failure->code != ErrorCode::no_credential) return *run_.next_failure;
  return *run_.current_failure;
}

SlotChoice::Step SlotChoice::refuse() {
  Failure failure = *run_.current_failure;
  if (mind().offer) failure.detail += "; " + in_words(*mind().offer, profile_);
  return failure;
}

}  // namespace fob::core
