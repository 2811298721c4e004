// What an operator of the sandbox may turn while it runs: lifetime of tokens, its clock, the shape of
// expiries. They last as long as the process; what belongs to the account is in account.hpp. Also the texts
// of time that HTTP wants.
#pragma once

#include "ipc/base/clock.hpp"
#include "ipc/base/result.hpp"
#include "tests/authority/http.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fob::authority {

/// How an answer tells when its token ends: the shapes that clients have met, and some they fear.
enum class ExpiryShape : std::uint8_t {
  iso_z,
  iso_ms,
  iso_us,
  iso_offset,
  iso_naive,
  epoch_s,
  epoch_ms,
  rfc1123,
  expires_in
};

std::string_view name_of(ExpiryShape shape);
std::optional<ExpiryShape> expiry_shape(std::string_view name);

struct Settings {
  std::chrono::milliseconds lifetime{300'000};
  std::chrono::milliseconds clock_offset{0};
  ExpiryShape shape = ExpiryShape::iso_z;
};

/// Seconds with a fraction, as flags and JSON have them, within what the clock's arithmetic can bear; nothing
/// otherwise.
std::optional<std::chrono::milliseconds> seconds_of(double seconds);
/// The same for a lifetime, which is more than nothing.
std::optional<std::chrono::milliseconds> lifetime_of(double seconds);

/// `settings` with the members of `change` put in; an unknown member or value is bad_request.
Result<Settings> changed(Settings settings, const Json& change);
Json to_json(const Settings& settings);

/// Whole seconds from `now` to `expiry`, rounded down: never more than the token truly has.
std::int64_t seconds_left(std::chrono::sys_seconds expiry, WallTime now);
/// Puts the expiry into a token answer in the vendor's member (`expiresOn`), or as `expires_in`.
void put_expiry(Json& answer, ExpiryShape shape, std::chrono::sys_seconds expiry, WallTime now);

/// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 §5.6.7).
std::string http_date(std::chrono::sys_seconds time);

}  // namespace fob::authority
