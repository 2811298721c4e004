// A fleet of devices and their one authority, simulated: every device runs the state machine of core::Refresh
// itself, not a model of it, with the smallest driver that obeys it. Time is a number, chance is seeded, and
// the same settings give the same report to the last digit.
//
// The fleet is met where it hurts: all devices start in the same second, as after a power cut, and later the
// authority is away for some minutes. What is measured is what the authority sees, second by second, and how
// many devices have no valid token meanwhile. docs/fleet.md shows what came out.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace fob::sim {

struct FleetSettings {
  std::uint32_t devices = 1'000'000;
  std::chrono::seconds lifetime{1800};  ///< the vendor's documentation
  /// How long a device has been up when its daemon starts. Beyond ten minutes it believes that it is alone.
  std::chrono::seconds uptime{20};
  /// Exchanges a second; nothing: it serves all. The long-run rate is 717, but who runs an authority sizes it
  /// for the day after a power cut: one device in a hundred a second has the fleet back in two minutes.
  std::optional<std::uint32_t> capacity = 10'000;
  /// What is over the capacity is refused with a 503; with this, with a 429 and such a Retry-After.
  std::optional<std::chrono::seconds> retry_after;
  std::chrono::seconds outage_start{5400}, outage_length{600};
  std::chrono::seconds span{14'400};  ///< what is simulated, from the boot on
  std::uint64_t seed = 1;

  std::chrono::seconds outage_end() const { return outage_start + outage_length; }
};

/// What came to the authority in one second, and how the fleet stood at its beginning.
struct Second {
  std::uint32_t attempts = 0;
  std::uint32_t served = 0;
  std::uint32_t refused = 0;        ///< over the capacity
  std::uint32_t unreached = 0;      ///< in the outage
  std::uint32_t retrying = 0;       ///< devices whose last exchange failed
  std::uint32_t without_token = 0;  ///< devices that have no valid token
};

struct FleetReport {
  FleetSettings settings;
  std::vector<Second> history;
  /// Times that a machine had no token though the last one it got was still valid. A broken promise.
  std::uint64_t lost_early = 0;
  /// The longest that a device was without a token, counted from its start, and from the outage's end.
  std::chrono::nanoseconds longest_without_at_boot{}, longest_without_after_outage{};

  /// The highest rate of a count over any `window` within [from, to), per second.
  double peak(std::uint32_t Second::*count, std::chrono::seconds from, std::chrono::seconds to,
              std::chrono::seconds window) const;
  double mean(std::uint32_t Second::*count, std::chrono::seconds from, std::chrono::seconds to) const;
  /// From `from` on: when no more than one device in ten thousand had to try again.
  std::optional<std::chrono::seconds> drained(std::chrono::seconds from) const;
};

/// What the fleet needs in the long run, per second: each device once in 77.5 % of a lifetime.
double steady_rate(const FleetSettings& settings);

/// The window to look for peaks in: 5000 exchanges fall in it on average. Attempts that come quite by chance
/// then differ by 1.4 % (one sigma), and the highest of thousands of windows is about 6 % above the mean.
std::chrono::seconds calm_window(const FleetSettings& settings);

FleetReport simulate(const FleetSettings& settings);

}  // namespace fob::sim
