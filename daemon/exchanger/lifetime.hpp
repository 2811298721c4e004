// How long a token lives, counted from the moment its request began (design.md §6): measured against the
// authority's own clock, never this device's, which may be years off. Where the facts leave a choice, the
// shorter life is taken: a token dropped early costs one exchange, one kept too long fails an app.
#pragma once

#include "daemon/exchanger/jwt.hpp"
#include "ipc/base/clock.hpp"
#include "ipc/base/result.hpp"

#include <chrono>
#include <optional>

namespace fob::exchanger {

struct ExpiryFacts {
  std::optional<WallTime> absolute;                     ///< the answer's moment of expiry
  std::optional<std::chrono::milliseconds> relative;    ///< the answer's expires_in
  JwtTimes jwt;                                         ///< what the token says of itself
  std::optional<std::chrono::sys_seconds> server_date;  ///< the answer's Date header
};

/// Positive and at most wire::k_max_lifetime; else bad_answer, with a clause that says what is wrong.
Result<std::chrono::milliseconds> measure_lifetime(const ExpiryFacts& facts);

}  // namespace fob::exchanger
