// When a refused credential is an alarm: from the first refresh that the authority refused until one goes
// well or the credentials change. It begins while the token at hand still lives, so that somebody mends it
// before any app notices. Pure.
#pragma once

#include "daemon/core/failure_policy.hpp"
#include "ipc/base/clock.hpp"

#include <optional>
#include <utility>

namespace fob::core {

class RefusalAlarm {
 public:
  struct State {
    Failure refusal;  ///< the latest
    WallTime since;
  };

  /// A refresh failed. `had_token`: the profile once had a token that nobody took away, so that a credential
  /// is missed. Returns whether the alarm begins. Failures of other kinds leave it as it is.
  bool on_failure(const Failure& failure, bool had_token, WallTime now) {
    const bool missed = failure.code == ErrorCode::no_credential && had_token;
    if (!missed && !policy_of(failure.code).refused) return false;
    const bool begins = !state_;
    state_ = State{failure, begins ? now : state_->since};
    return begins;
  }

  /// Returns whether there was one.
  bool end() { return std::exchange(state_, std::nullopt).has_value(); }

  const std::optional<State>& state() const { return state_; }

 private:
  std::optional<State> state_;
};

}  // namespace fob::core
