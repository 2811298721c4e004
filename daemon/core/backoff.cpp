#include "daemon/core/backoff.hpp"

#include <algorithm>
#include <utility>

namespace fob::core {
namespace {

using Milliseconds = std::chrono::duration<double, std::milli>;

std::chrono::milliseconds between(Milliseconds low, Milliseconds high, double unit) {
  return std::chrono::round<std::chrono::milliseconds>(low + (high - low) * unit);
}

}  // namespace

std::chrono::milliseconds JitteredBackoff::next(double unit) {
  last_ = std::min(between(std::max(first, last_ / 3), last_ * 3, unit), most);
  return last_;
}

std::chrono::milliseconds SlowProbe::next(double unit) {
  const auto wait = std::exchange(next_, std::min(next_ * 2, most));
  return between(wait, wait * 1.1, unit);
}

}  // namespace fob::core
