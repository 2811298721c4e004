#include "daemon/core/repeat_limiter.hpp"

#include <utility>

namespace fob::core {

std::optional<std::uint64_t> RepeatLimiter::admit(uid_t uid, BootTime now) {
  if (seen_.size() >= k_most_users && !seen_.contains(uid)) seen_.clear();
  const auto [place, is_new] = seen_.try_emplace(uid, Seen{now, 0});
  if (is_new) return 0;
  if (now - place->second.last_line < k_pause) {
    ++place->second.left_out;
    return std::nullopt;
  }
  place->second.last_line = now;
  return std::exchange(place->second.left_out, 0);
}

}  // namespace fob::core
