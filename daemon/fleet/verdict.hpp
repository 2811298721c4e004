// Whether an authentic bundle is to be applied now: a pure decision over serial, validity window and wave.
#pragma once

#include "daemon/fleet/bundle_header.hpp"
#include "daemon/fleet/refusal.hpp"
#include "daemon/fleet/timestamp.hpp"

#include <cstddef>
#include <cstdint>

namespace fob::fleet {

/// What the device knows.
struct Standing {
  Time now;
  std::uint64_t last_serial = 0;  ///< the highest serial of this profile that was taken; 0: none was
  bool has_profile = true;        ///< the configuration has the header's profile
};

struct Verdict {
  enum class Kind : std::uint8_t { apply, wait, refuse };
  Kind kind = Kind::apply;
  Reason reason{};  ///< of wait (not_yet_valid, later_wave) and refuse; says nothing with apply
  Time until;       ///< of wait: when to look again

  friend bool operator==(const Verdict&, const Verdict&) = default;
};

/// What to do with a bundle of this header in wave `wave` (one of the header's). unknown_profile before
/// replayed and lower_serial before expired before waiting.
Verdict judge(const BundleHeader& header, std::size_t wave, const Standing& standing);

}  // namespace fob::fleet
