// Clock and randomness whose hands the test turns.
#pragma once

#include "ipc/base/clock.hpp"
#include "ipc/base/random.hpp"

#include <chrono>

namespace fob::test {

class ManualClock final : public Clock {
 public:
  BootTime boot_now() const override { return boot_; }
  WallTime wall_now() const override { return wall_; }
  std::chrono::nanoseconds awake_time() const override { return awake_; }

  void set_boot(BootTime now) { boot_ = now; }
  void set_wall(WallTime now) { wall_ = now; }
  /// All hands, as when time simply passes.
  void advance(std::chrono::milliseconds by) {
    awake_ += by;
    sleep(by);
  }
  /// As when the device is suspended.
  void sleep(std::chrono::milliseconds by) {
    boot_ += by;
    wall_ += by;
  }

 private:
  // Ten years after boot: a real timer that is armed by these hands does not fire during a test.
  BootTime boot_{std::chrono::hours(24 * 3650)};
  std::chrono::nanoseconds awake_ = std::chrono::hours(24 * 365);
  WallTime wall_ = std::chrono::sys_days{std::chrono::year{2026} / 1 / 31};
};

/// Draws the same number every time.
class FixedRandom final : public Random {
 public:
  explicit FixedRandom(double unit) : unit_(unit) {}
  double unit() override { return unit_; }

 private:
  double unit_;
};

}  // namespace fob::test
