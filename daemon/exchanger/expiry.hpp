// Points in time and spans as authorities write them. The text is the network's; what is not exactly one of
// the known forms is nothing, never a guess.
#pragma once

#include "ipc/base/clock.hpp"
#include "ipc/wire/json.hpp"

#include <chrono>
#include <optional>
#include <string_view>

namespace fob::exchanger {

/// A moment of expiry: ISO 8601 (0 to 9 fraction digits; `Z`, ±hh:mm, ±hhmm, or no zone, which means UTC),
/// RFC 1123, epoch seconds or milliseconds as a number or as digits. Rounded down to milliseconds.
std::optional<WallTime> parse_expiry(const wire::Json& value);

/// The same from text alone.
std::optional<WallTime> parse_expiry_text(std::string_view text);

/// IMF-fixdate, the one form HTTP servers may send (RFC 9110 §5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT".
std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text);

/// A span in seconds, as a number or as digits, rounded down to milliseconds. May be zero or negative.
std::optional<std::chrono::milliseconds> parse_seconds(const wire::Json& value);

/// Digits alone, at most 15 of them: no sign, no blank.
std::optional<std::int64_t> parse_digits(std::string_view text);

}  // namespace fob::exchanger
