// How soon after the last attempt a change of the device's surroundings may bring another. A network that
// really came up gets its attempts at once, more than one, since address and route follow the link; one that
// flaps, or says the same for ever, gets them ever more seldom, so that a slow exchange can end and an
// authority that is down is not asked in the rhythm of a router. Pure.
#pragma once

#include "ipc/base/clock.hpp"

#include <algorithm>
#include <chrono>

namespace fob::core {

class ChangePacing {
 public:
  /// From when on a change may begin an attempt, the last one having begun at `attempted`.
  BootTime earliest(BootTime attempted, BootTime now) const { return attempted + spacing(now); }
  /// A change has begun an attempt.
  void used(BootTime now) {
    count_ = fresh(now) ? 1 : count_ + 1;
    last_ = now;
  }
  /// Changes brought what they promised.
  void reset() { count_ = 0; }
  /// Whether this may well be the change that everything waits for.
  bool hopeful(BootTime now) const { return fresh(now) || count_ < k_prompt; }

 private:
  static constexpr int k_prompt = 3, k_doublings = 6;
  static constexpr std::chrono::seconds k_prompt_spacing{1};
  static constexpr std::chrono::minutes k_forgotten{2};

  bool fresh(BootTime now) const { return count_ == 0 || now - last_ > k_forgotten; }
  // 1 s, 1 s, 1 s, then 2, 4 … 64 s: longer than any exchange takes.
  std::chrono::seconds spacing(BootTime now) const {
    if (hopeful(now)) return k_prompt_spacing;
    return k_prompt_spacing * (1 << std::min(count_ - k_prompt + 1, k_doublings));
  }

  int count_ = 0;
  BootTime last_;
};

}  // namespace fob::core
