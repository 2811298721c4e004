// The line each way between fobd and fob-exchange (design.md §1). Both sides distrust the other: the
// exchanger since the broker is what apps attack, the broker since the exchanger is what the network attacks.
#pragma once

#include "ipc/base/result.hpp"
#include "ipc/wire/names.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace fob::wire {

struct ExchangeRequest {
  std::string profile;
  Slot slot = Slot::current;
};

/// A token, with its lifetime as the exchanger measured it: `expires_in` counts from `started`, the
/// CLOCK_BOOTTIME instant at which the request to the authority began.
struct ExchangeSuccess {
  std::string access_token;
  std::chrono::nanoseconds started_boottime{};
  std::chrono::milliseconds expires_in{};
  std::vector<std::string> scopes;
  std::uint64_t credential_version = 0;
  std::optional<std::chrono::milliseconds>
      clock_skew;  ///< this device's wall clock minus the authority's Date
  std::optional<std::chrono::sys_seconds>
      credential_stored_at;  ///< by this device's clock; nothing where that was not set
};

struct ExchangeFailure {
  ErrorCode code = ErrorCode::internal;  ///< one that has a kind in the table of error.cpp
  int status = 0;                        ///< the authority's HTTP status; 0 if there was none
  std::string detail;                    ///< for a person; no secret, no token
  std::optional<std::chrono::milliseconds> retry_after;
};

using ExchangeAnswer = std::variant<ExchangeSuccess, ExchangeFailure>;

/// One line without its newline. Decoders take the same and refuse what is not exactly the message.
std::string encode(const ExchangeRequest& request);
Result<ExchangeRequest> decode_exchange_request(std::string_view line);
std::string encode(const ExchangeAnswer& answer);
/// Fails with ErrorCode::bad_answer.
Result<ExchangeAnswer> decode_exchange_answer(std::string_view line);

}  // namespace fob::wire
