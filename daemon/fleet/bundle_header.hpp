// The first line of a bundle, and what follows from it: where each part of the file lies. The line is read
// before anything is verified, so it is hostile: bounded, every member checked, every sum within 64 bits.
// docs/fleet-bundle.md is the specification.
#pragma once

#include "daemon/fleet/key_text.hpp"
#include "daemon/fleet/refusal.hpp"
#include "daemon/fleet/timestamp.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fob::fleet {

/// From `from` on, `percent` of all devices (those of the waves before included) may apply the bundle.
struct Wave {
  unsigned percent = 100;
  Time from;

  friend bool operator==(const Wave&, const Wave&) = default;
};

struct BundleHeader {
  std::string profile;
  std::uint64_t serial = 0;
  Time created;
  Time not_before;
  Time not_after;
  std::uint64_t devices = 0;
  std::size_t box_bytes = 0;
  std::vector<Wave> waves;  ///< percents ascending to 100, times not descending; at least one
  PublicKey signer{};

  friend bool operator==(const BundleHeader&, const BundleHeader&) = default;
};

/// Where the parts of a bundle lie, in bytes from its beginning.
struct BundleLayout {
  std::uint64_t table = 0;  ///< also the header's size
  std::uint64_t boxes = 0;
  std::uint64_t signature = 0;
  std::uint64_t end = 0;  ///< the size that the file must have
};

/// What is wrong with `header`; empty if a bundle may have it. Both writer and parser ask.
std::string fault_of(const BundleHeader& header);

/// The header's line, with its line end. `header` has no fault.
std::string encode_header(const BundleHeader& header);

/// Reads the line at the beginning of `start`, the first bytes of a bundle (k_max_header are enough).
/// Refuses with malformed or too_large.
Verified<BundleHeader> parse_header(std::string_view start);

/// The layout of a bundle whose header has no fault and takes `header_bytes`.
BundleLayout layout_of(const BundleHeader& header, std::size_t header_bytes);

/// The number of devices in wave `wave` and those before it: the percent, rounded up, so that no first wave
/// is empty.
std::uint64_t devices_up_to(const BundleHeader& header, std::size_t wave);

}  // namespace fob::fleet
