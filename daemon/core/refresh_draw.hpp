// At which part of its lifetime a token is replaced. Pure: what was drawn comes in.
//
// Between 70 and 85 %: early enough to survive an outage of some length, late enough to be no burden. Devices
// that began together stay together that way for dozens of lifetimes, since each refresh spreads them by a
// few per cent only. So the first refresh of a device that may be one of many (it has just booted, or an
// outage is over) is drawn as if it had been running for ever: from the residual life of the renewal process
// whose intervals are the 70 to 85 %. From then on the fleet's rate is flat at once (tests/sim shows it).
#pragma once

#include <chrono>

namespace fob::core {

inline constexpr double k_refresh_from = 0.70, k_refresh_to = 0.85;

/// `unit` is a fresh draw from [0, 1).
double draw(double unit);
/// The same for a device that may be one of many: anywhere between 0 and 85 %.
double draw_to_scatter(double unit);

std::chrono::nanoseconds part_of(std::chrono::nanoseconds whole, double part);

}  // namespace fob::core
