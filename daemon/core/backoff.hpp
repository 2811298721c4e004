// How long to wait after a failure. Pure: what was drawn comes in.
#pragma once

#include <chrono>

namespace fob::core {

/// Decorrelated jitter: each wait is drawn between a third of the last one and three times it, from `first`
/// to `most`. Devices that failed together drift apart instead of coming back together, and the longer an
/// outage lasts the calmer the whole herd is.
class JitteredBackoff {
 public:
  static constexpr std::chrono::milliseconds first{1000};
  static constexpr std::chrono::milliseconds most{60'000};

  /// `unit` is a fresh draw from [0, 1).
  std::chrono::milliseconds next(double unit);
  void reset() { last_ = first; }

 private:
  std::chrono::milliseconds last_ = first;
};

/// For what only a person can mend: five minutes, doubling to an hour, a little jittered.
class SlowProbe {
 public:
  static constexpr std::chrono::milliseconds first = std::chrono::minutes(5);
  static constexpr std::chrono::milliseconds most = std::chrono::hours(1);

  std::chrono::milliseconds next(double unit);
  void reset() { next_ = first; }

 private:
  std::chrono::milliseconds next_ = first;
};

}  // namespace fob::core
