// Instants as they stand in a fleet's files: whole seconds, UTC, in one form only (RFC 3339).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace fob::fleet {

using Time = std::chrono::sys_seconds;

/// "2026-01-31T12:00:00Z"; years outside 1970–9999 are clamped.
std::string to_text(Time time);

/// The instant of exactly that form, between the years 1970 and 9999; nothing if it is any other text.
std::optional<Time> time_from(std::string_view text);

}  // namespace fob::fleet
