// The two times in a JWT's payload, for measuring a lifetime where the answer itself says too little. A
// device cannot verify these tokens (they are HS256), so nothing but the times is read, and they can only
// shorten or stand in for what the authority said over its trusted connection.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace fob::exchanger {

/// `exp` rounded down, `iat` rounded up; nothing where absent or not a time.
struct JwtTimes {
  std::optional<std::chrono::sys_seconds> exp, iat;
};

/// Both empty if `token` is no JWT.
JwtTimes jwt_times(std::string_view token);

}  // namespace fob::exchanger
