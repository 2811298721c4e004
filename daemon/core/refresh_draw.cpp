#include "daemon/core/refresh_draw.hpp"

#include <cmath>
#include <cstdint>

namespace fob::core {
namespace {

constexpr double k_width = k_refresh_to - k_refresh_from;
constexpr double k_mean = (k_refresh_from + k_refresh_to) / 2;

}  // namespace

double draw(double unit) { return k_refresh_from + k_width * unit; }

// The residual life has the density (1 - F(x)) / mean, F being the uniform distribution of draw(): flat up to
// 70 %, then falling to nothing at 85 %. Solved for x.
double draw_to_scatter(double unit) {
  const double x = unit * k_mean;
  if (x <= k_refresh_from) return x;
  const double rest = std::fmax(0.0, k_width * k_width - 2 * k_width * (x - k_refresh_from));
  return k_refresh_to - std::sqrt(rest);
}

std::chrono::nanoseconds part_of(std::chrono::nanoseconds whole, double part) {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>(whole.count()) * part));
}

}  // namespace fob::core
