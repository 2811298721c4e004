// The small vocabularies that several messages share: profile names, slots, tokens as they may appear in a
// header.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace fob::wire {

/// A profile name: 1 to 64 of a–z A–Z 0–9 . _ -, starting with a letter or digit. It becomes a file name and
/// a systemd instance name, so nothing else is let through.
bool is_profile_name(std::string_view text);

/// A bearer token as RFC 6750 §2.1 lets it stand in a header: 1 to k_max_token visible ASCII characters.
bool is_bearer_token(std::string_view text);

/// A scope token (RFC 6749 §3.3: %x21 / %x23-5B / %x5D-7E), bounded.
bool is_scope(std::string_view text);

/// Whether a credential may have been stored then, in seconds since the epoch; else the time tells nothing.
bool is_stored_at(std::int64_t seconds);

/// Where a profile keeps its credentials (design.md §7).
enum class Slot : std::uint8_t { current, next, previous };

std::string_view to_string(Slot slot);
std::optional<Slot> slot_from(std::string_view text);

}  // namespace fob::wire
