#include "daemon/fleet/timestamp.hpp"

#include "ipc/base/clock.hpp"

#include <algorithm>

namespace fob::fleet {
namespace {

constexpr std::string_view k_form = "dddd-dd-ddTdd:dd:ddZ";

constexpr Time k_first{};
constexpr Time k_last = std::chrono::sys_days(std::chrono::year(9999) / 12 / 31) + std::chrono::hours(24) -
                        std::chrono::seconds(1);

bool has_form(std::string_view text) {
  return std::equal(text.begin(), text.end(), k_form.begin(), k_form.end(),
                    [](char c, char form) { return form == 'd' ? c >= '0' && c <= '9' : c == form; });
}

unsigned number_in(std::string_view digits) {
  unsigned number = 0;
  for (const char digit : digits) number = number * 10 + static_cast<unsigned>(digit - '0');
  return number;
}

}  // namespace

// Clamped first, since far beyond these years milliseconds overflow.
std::string to_text(Time time) { return to_rfc3339(std::clamp(time, k_first, k_last)); }

std::optional<Time> time_from(std::string_view text) {
  using namespace std::chrono;
  if (!has_form(text)) return std::nullopt;
  const year_month_day date(year(static_cast<int>(number_in(text.substr(0, 4)))),
                            month(number_in(text.substr(5, 2))), day(number_in(text.substr(8, 2))));
  const unsigned hour = number_in(text.substr(11, 2));
  const unsigned minute = number_in(text.substr(14, 2));
  const unsigned second = number_in(text.substr(17, 2));
  if (!date.ok() || date.year() < year(1970) || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  return sys_days(date) + hours(hour) + minutes(minute) + seconds(second);
}

}  // namespace fob::fleet
