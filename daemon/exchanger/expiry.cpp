#include "daemon/exchanger/expiry.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace fob::exchanger {
namespace {

using namespace std::chrono;

// As seconds this would be the year 5138, as milliseconds it is 1973: no expiry is either of them.
constexpr double k_first_milliseconds = 1e11;
// The end of the year 9999 in milliseconds: beyond it nothing is a date, and nothing below it overflows.
constexpr double k_last_milliseconds = 253402300799999.0;

// Takes a text apart from the left. Once something does not fit, nothing fits any more.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  /// Exactly `count` digits as a number.
  int number(std::size_t count) {
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (i >= rest_.size() || rest_[i] < '0' || rest_[i] > '9') fits_ = false;
      if (!fits_) return 0;
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(count);
    return value;
  }
  bool accept(std::string_view one_of) {
    if (rest_.empty() || one_of.find(rest_.front()) == std::string_view::npos) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(std::string_view one_of) { fits_ = accept(one_of) && fits_; }
  bool accept_word(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  std::string_view digits() {
    const auto end = std::find_if(rest_.begin(), rest_.end(), [](char c) { return c < '0' || c > '9'; });
    const auto found = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(found.size());
    return found;
  }
  void refuse_unless(bool condition) { fits_ = fits_ && condition; }
  bool at_end() const { return rest_.empty(); }
  bool fits() const { return fits_; }

 private:
  std::string_view rest_;
  bool fits_ = true;
};

struct TimeOfDay {
  int hour = 0, minute = 0, second = 0;
};

TimeOfDay take_time(Cursor& at) {
  TimeOfDay time;
  time.hour = at.number(2);
  at.expect(":");
  time.minute = at.number(2);
  at.expect(":");
  time.second = at.number(2);
  // 60 is a leap second (RFC 3339 §5.6).
  at.refuse_unless(time.hour < 24 && time.minute < 60 && time.second <= 60);
  return time;
}

std::optional<sys_seconds> moment(const Cursor& at, year_month_day date, TimeOfDay time) {
  if (!at.fits() || !date.ok()) return std::nullopt;
  return sys_days(date) + hours(time.hour) + minutes(time.minute) + seconds(time.second);
}

milliseconds take_fraction(Cursor& at) {
  if (!at.accept(".")) return milliseconds(0);
  const auto digits = at.digits();
  at.refuse_unless(!digits.empty() && digits.size() <= 9);
  int value = 0;
  for (std::size_t i = 0; i < 3; ++i) value = value * 10 + (i < digits.size() ? digits[i] - '0' : 0);
  return milliseconds(value);
}

minutes take_zone(Cursor& at) {
  if (at.at_end() || at.accept("Zz")) return minutes(0);
  const bool west = at.accept("-");
  if (!west) at.expect("+");
  const int hour = at.number(2);
  at.accept(":");
  const int minute = at.number(2);
  at.refuse_unless(hour < 24 && minute < 60);
  const auto offset = hours(hour) + minutes(minute);
  return west ? -offset : offset;
}

std::optional<WallTime> parse_iso8601(std::string_view text) {
  Cursor at(text);
  const year y(at.number(4));
  at.expect("-");
  const month m(static_cast<unsigned>(at.number(2)));
  at.expect("-");
  const day d(static_cast<unsigned>(at.number(2)));
  at.expect("Tt ");
  const TimeOfDay time = take_time(at);
  const milliseconds fraction = take_fraction(at);
  const minutes zone = take_zone(at);
  at.refuse_unless(at.at_end());
  const auto whole = moment(at, y / m / d, time);
  if (!whole) return std::nullopt;
  return *whole + fraction - zone;
}

std::optional<WallTime> from_epoch(double value) {
  // NaN fails the comparison as well.
  if (!(value > 0 && value <= k_last_milliseconds)) return std::nullopt;
  const double in_milliseconds = value < k_first_milliseconds ? value * 1000 : value;
  return WallTime(milliseconds(static_cast<std::int64_t>(std::floor(in_milliseconds))));
}

}  // namespace

std::optional<std::int64_t> parse_digits(std::string_view text) {
  constexpr std::size_t k_most = 15;
  std::int64_t value = 0;
  if (text.empty() || text.size() > k_most || text.front() == '-') return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<sys_seconds> parse_http_date(std::string_view text) {
  constexpr std::array k_months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  constexpr std::array k_days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  Cursor at(text);
  at.refuse_unless(
      std::any_of(k_days.begin(), k_days.end(), [&](const char* name) { return at.accept_word(name); }));
  at.expect(",");
  at.expect(" ");
  const day d(static_cast<unsigned>(at.number(2)));
  at.expect(" ");
  const auto found =
      std::find_if(k_months.begin(), k_months.end(), [&](const char* name) { return at.accept_word(name); });
  at.refuse_unless(found != k_months.end());
  const month m(static_cast<unsigned>(found - k_months.begin() + 1));
  at.expect(" ");
  const year y(at.number(4));
  at.expect(" ");
  const TimeOfDay time = take_time(at);
  at.expect(" ");
  at.refuse_unless(at.accept_word("GMT") || at.accept_word("UTC"));
  at.refuse_unless(at.at_end());
  return moment(at, y / m / d, time);
}

std::optional<WallTime> parse_expiry_text(std::string_view text) {
  if (const auto digits = parse_digits(text)) return from_epoch(static_cast<double>(*digits));
  if (const auto date = parse_http_date(text)) return WallTime(*date);
  return parse_iso8601(text);
}

std::optional<WallTime> parse_expiry(const wire::Json& value) {
  if (value.is_number()) return from_epoch(value.get<double>());
  if (value.is_string()) return parse_expiry_text(value.get_ref<const std::string&>());
  return std::nullopt;
}

std::optional<milliseconds> parse_seconds(const wire::Json& value) {
  double count = 0;
  if (value.is_number()) {
    count = value.get<double>();
  } else if (value.is_string()) {
    const auto digits = parse_digits(value.get_ref<const std::string&>());
    if (!digits) return std::nullopt;
    count = static_cast<double>(*digits);
  } else {
    return std::nullopt;
  }
  constexpr double k_most = k_last_milliseconds / 1000;
  if (!(count >= -k_most && count <= k_most)) return std::nullopt;
  return milliseconds(static_cast<std::int64_t>(std::floor(count * 1000)));
}

}  // namespace fob::exchanger
