// An access token as the broker holds it. Shared and never changed: whoever asks gets the same one.
#pragma once

#include "ipc/base/clock.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fob::core {

struct Token {
  std::string access_token;
  std::string fingerprint;
  std::vector<std::string> scopes;
  std::uint64_t credential_version = 0;
  BootTime started;   ///< when the exchange that brought it began
  BootTime deadline;  ///< from here on it is dead
  std::optional<std::chrono::sys_seconds> credential_stored_at{};  ///< by the device's clock; for showing

  std::chrono::nanoseconds lifetime() const { return deadline - started; }
  std::chrono::nanoseconds left(BootTime now) const { return deadline - now; }
  bool alive(BootTime now) const { return now < deadline; }
};

using TokenPtr = std::shared_ptr<const Token>;

}  // namespace fob::core
