// Keeps what anyone can cause from flooding the log: one line a user in a while, with the number of those
// left out.
#pragma once

#include "ipc/base/clock.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <sys/types.h>

namespace fob::core {

class RepeatLimiter {
 public:
  static constexpr std::chrono::seconds k_pause{10};
  /// More users than this at once are not told apart from newcomers.
  static constexpr std::size_t k_most_users = 1024;

  /// How many were left out since the last line, if a line is due for this user; nothing if this one is left
  /// out too.
  std::optional<std::uint64_t> admit(uid_t uid, BootTime now);

 private:
  struct Seen {
    BootTime last_line;
    std::uint64_t left_out = 0;
  };
  std::map<uid_t, Seen> seen_;
};

}  // namespace fob::core
