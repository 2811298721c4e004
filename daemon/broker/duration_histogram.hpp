// How long something takes, as a histogram of fixed buckets: from an exchange on a good line to one that is
// given up.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace fob::broker {

struct DurationHistogram {
  /// In seconds; the last bucket, without a bound, is beyond them.
  static constexpr std::array k_bounds = {0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0};

  void add(std::chrono::nanoseconds took) {
    const double seconds = std::chrono::duration<double>(took).count();
    const auto bucket = std::lower_bound(k_bounds.begin(), k_bounds.end(), seconds) - k_bounds.begin();
    ++counts[static_cast<std::size_t>(bucket)];
    sum += seconds;
  }

  std::array<std::uint64_t, k_bounds.size() + 1> counts{};  ///< of each bucket alone
  double sum = 0;
};

}  // namespace fob::broker
