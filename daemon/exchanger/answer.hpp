// What an authority's answer means: a token with a measured lifetime, or one sentence on why not and what to
// do. The answer is the network's: a captive portal's page, a proxy's error and an attacker's nonsense come
// the same way as a token. Pure.
#pragma once

#include "daemon/config/config.hpp"
#include "daemon/exchanger/http_message.hpp"
#include "ipc/base/clock.hpp"
#include "ipc/wire/exchange_line.hpp"

#include <cstdint>

namespace fob::exchanger {

/// When the exchange happened, by this device's clocks, and with which credential.
struct AskedWith {
  BootTime started;         ///< just before the request
  WallTime received;        ///< just after the answer
  std::uint64_t version{};  ///< the credential's
  WallTime stored_at{};     ///< when it came into its slot, by the clock of then
};

/// The detail of a failure may repeat what the authority said, at full length: presentable() is the caller's
/// duty.
wire::ExchangeAnswer interpret(const HttpAnswer& answer, const config::Profile& profile,
                               const AskedWith& asked);

}  // namespace fob::exchanger
