#include "ipc/base/clock.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <time.h>

namespace fob {

namespace {

std::chrono::nanoseconds read_clock(clockid_t clock) {
  timespec t{};
  ::clock_gettime(clock, &t);
  return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

}  // namespace

BootTime SystemClock::boot_now() const { return BootTime(read_clock(CLOCK_BOOTTIME)); }

std::chrono::nanoseconds SystemClock::awake_time() const { return read_clock(CLOCK_MONOTONIC); }

WallTime SystemClock::wall_now() const {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::string to_rfc3339(WallTime time) {
  using namespace std::chrono;
  constexpr auto first = sys_days{year{0} / January / 1};
  constexpr auto last = sys_days{year{9999} / December / 31};
  const auto seconds_since =
      std::clamp(floor<seconds>(time), sys_seconds{first}, sys_seconds{last} + days(1) - seconds(1));
  const auto day = floor<days>(seconds_since);
  const year_month_day date{day};
  const hh_mm_ss clock{seconds_since - day};
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text.data();
}

}  // namespace fob
