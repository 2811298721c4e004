// What to tell a person when there is no answer: one sentence that says what is wrong and what to do, and the
// kind the broker acts on. A certificate that fails by its time is the device's clock's fault more often than
// the authority's, and the broker waits for a clock differently than for a network.
#pragma once

#include "daemon/config/config.hpp"
#include "daemon/exchanger/http_message.hpp"
#include "ipc/base/clock.hpp"
#include "ipc/wire/exchange_line.hpp"

#include <chrono>

namespace fob::exchanger {

/// What the wall clock of a device with fob on it cannot show: a time before fob was released, or one when
/// nobody runs this release any more.
bool is_absurd(WallTime now, std::chrono::sys_seconds build_epoch);

wire::ExchangeFailure explain(const TransportFailure& failure, const config::Profile& profile, WallTime now,
                              std::chrono::sys_seconds build_epoch);

}  // namespace fob::exchanger
