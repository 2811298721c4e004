// What fobd leaves of a profile with the service manager, for the fobd that comes after it: its token, or how
// long it waits to try again. It comes back from outside of the process and is read as if anyone had written
// it.
#pragma once

#include "ipc/base/clock.hpp"
#include "ipc/base/result.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fob::wire {

struct KeptToken {
  std::string access_token;
  std::vector<std::string> scopes;
  std::uint64_t credential_version = 0;
  BootTime started;   ///< of the exchange that brought it
  BootTime deadline;  ///< after `started`, within k_max_lifetime
  BootTime due;       ///< when it is to be replaced; at most `deadline`
  std::optional<std::chrono::sys_seconds> credential_stored_at{};
};

struct KeptWait {
  BootTime until;
  ErrorCode code = ErrorCode::internal;  ///< of the failure it follows; one that has a kind
  std::string detail;
  bool authority_asked = false;  ///< by Retry-After; then no change around the device ends it
};

/// At least one of the two.
struct KeptProfile {
  std::string profile;
  std::string boot_id;  ///< of the boot whose CLOCK_BOOTTIME the times are of
  std::string purpose;  ///< whose tokens these are and for what; opaque
  std::optional<KeptToken> token;
  std::optional<KeptWait> wait;
};

/// A token as large as may be, its scopes, a purpose and a detail.
inline constexpr std::size_t k_max_kept_profile = 128 * 1024;

/// One JSON object. Its secrets are a token's.
std::string encode(const KeptProfile& kept);
/// Fails with ErrorCode::bad_answer on anything that encode() does not write. Whether the times make sense
/// now, the boot is this one and the purpose the same is for the reader to see.
Result<KeptProfile> decode_kept_profile(std::string_view text);

}  // namespace fob::wire
