#include "tests/authority/settings.hpp"

#include "ipc/wire/json.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <time.h>

namespace fob::authority {
namespace {

struct NamedShape {
  ExpiryShape shape;
  std::string_view name;
};
constexpr std::array k_shapes = {
    NamedShape{ExpiryShape::iso_z, "iso_z"},           NamedShape{ExpiryShape::iso_ms, "iso_ms"},
    NamedShape{ExpiryShape::iso_us, "iso_us"},         NamedShape{ExpiryShape::iso_offset, "iso_offset"},
    NamedShape{ExpiryShape::iso_naive, "iso_naive"},   NamedShape{ExpiryShape::epoch_s, "epoch_s"},
    NamedShape{ExpiryShape::epoch_ms, "epoch_ms"},     NamedShape{ExpiryShape::rfc1123, "rfc1123"},
    NamedShape{ExpiryShape::expires_in, "expires_in"},
};

// A century: absurd enough for every test of absurd clocks, and every sum of times stays within four-digit
// years.
constexpr double k_most_seconds = 100.0 * 366 * 86400;

/// `number` in seconds with a suffix for the zone: the ISO texts differ in nothing else.
std::string iso(std::chrono::sys_seconds time, std::string_view suffix) {
  std::string text = to_rfc3339(time);
  text.replace(text.size() - 1, 1, suffix);
  return text;
}

std::optional<double> number_member(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

}  // namespace

std::string_view name_of(ExpiryShape shape) {
  return std::find_if(k_shapes.begin(), k_shapes.end(), [&](const auto& row) { return row.shape == shape; })
      ->name;
}

std::optional<ExpiryShape> expiry_shape(std::string_view name) {
  const auto row =
      std::find_if(k_shapes.begin(), k_shapes.end(), [&](const auto& shape) { return shape.name == name; });
  if (row == k_shapes.end()) return std::nullopt;
  return row->shape;
}

std::optional<std::chrono::milliseconds> seconds_of(double seconds) {
  if (!std::isfinite(seconds) || std::abs(seconds) > k_most_seconds) return std::nullopt;
  return std::chrono::milliseconds(std::llround(seconds * 1000));
}

std::optional<std::chrono::milliseconds> lifetime_of(double seconds) {
  const auto lifetime = seconds_of(seconds);
  if (!lifetime || lifetime->count() <= 0) return std::nullopt;
  return lifetime;
}

Result<Settings> changed(Settings settings, const Json& change) {
  if (const auto stranger = wire::unknown_member(change, {"lifetime_s", "clock_offset_s", "expiry_shape"}))
    return fail(ErrorCode::bad_request, "unknown setting: " + *stranger);
  if (change.contains("lifetime_s")) {
    const auto lifetime = lifetime_of(number_member(change, "lifetime_s").value_or(0));
    if (!lifetime) return fail(ErrorCode::bad_request, "lifetime_s must be a number of seconds, more than 0");
    settings.lifetime = *lifetime;
  }
  if (change.contains("clock_offset_s")) {
    const auto offset = seconds_of(number_member(change, "clock_offset_s").value_or(NAN));
    if (!offset)
      return fail(ErrorCode::bad_request, "clock_offset_s must be a number of seconds within a century");
    settings.clock_offset = *offset;
  }
  if (change.contains("expiry_shape")) {
    const auto shape = expiry_shape(wire::string_member(change, "expiry_shape").value_or(""));
    if (!shape) return fail(ErrorCode::bad_request, "unknown expiry_shape");
    settings.shape = *shape;
  }
  return settings;
}

Json to_json(const Settings& settings) {
  const auto seconds = [](std::chrono::milliseconds time) {
    return static_cast<double>(time.count()) / 1000;
  };
  return {{"lifetime_s", seconds(settings.lifetime)},
          {"clock_offset_s", seconds(settings.clock_offset)},
          {"expiry_shape", name_of(settings.shape)}};
}

std::int64_t seconds_left(std::chrono::sys_seconds expiry, WallTime now) {
  return std::chrono::floor<std::chrono::seconds>(expiry - now).count();
}

void put_expiry(Json& answer, ExpiryShape shape, std::chrono::sys_seconds expiry, WallTime now) {
  const auto epoch = static_cast<std::int64_t>(expiry.time_since_epoch().count());
  switch (shape) {
    case ExpiryShape::iso_z:
      answer["expiresOn"] = iso(expiry, "Z");
      return;
    case ExpiryShape::iso_ms:
      answer["expiresOn"] = iso(expiry, ".000Z");
      return;
    case ExpiryShape::iso_us:
      answer["expiresOn"] = iso(expiry, ".000000Z");
      return;
    case ExpiryShape::iso_offset:
      answer["expiresOn"] = iso(expiry, "+00:00");
      return;
    case ExpiryShape::iso_naive:
      answer["expiresOn"] = iso(expiry, "");
      return;
    case ExpiryShape::epoch_s:
      answer["expiresOn"] = epoch;
      return;
    case ExpiryShape::epoch_ms:
      answer["expiresOn"] = epoch * 1000;
      return;
    case ExpiryShape::rfc1123:
      answer["expiresOn"] = http_date(expiry);
      return;
    case ExpiryShape::expires_in:
      answer["expires_in"] = seconds_left(expiry, now);
      return;
  }
}

std::string http_date(std::chrono::sys_seconds time) {
  const time_t seconds = static_cast<time_t>(time.time_since_epoch().count());
  tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  // %a and %b are English, as HTTP demands, because the sandbox never leaves the C locale.
  const auto size = ::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

}  // namespace fob::authority
