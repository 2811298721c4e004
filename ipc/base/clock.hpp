// Time. Deadlines live on CLOCK_BOOTTIME, which counts suspend and cannot be set (clock_gettime(2)); wall
// time is only for showing. They come through the Clock seam, so that tests turn the hands themselves.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace fob {

/// CLOCK_BOOTTIME as a chrono clock: names the time points, tells no time itself (ask a Clock).
struct BootClock {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
};
using BootTime = BootClock::time_point;
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual BootTime boot_now() const = 0;
  virtual WallTime wall_now() const = 0;
  /// How long the device has been awake (CLOCK_MONOTONIC): stands still in suspend.
  virtual std::chrono::nanoseconds awake_time() const = 0;
};

/// The kernel's clocks. Any thread.
class SystemClock final : public Clock {
 public:
  BootTime boot_now() const override;
  WallTime wall_now() const override;
  std::chrono::nanoseconds awake_time() const override;
};

/// "2026-01-31T12:00:00Z" (RFC 3339, UTC, whole seconds); years outside 0–9999 are clamped.
std::string to_rfc3339(WallTime time);

}  // namespace fob
