// One run of fob-exchange for a user session or by hand: spawned with a socketpair as stdin and stdout, asked
// one line, reaped. Whatever it does (dies, hangs, floods, talks nonsense) ends in an answer within a bounded
// time.
#pragma once

#include "daemon/broker/child_process.hpp"
#include "ipc/wire/exchange_line.hpp"
#include "ipc/wire/limits.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fob::broker {

/// An answer for the refresh where there was none from an exchanger, or none that can be used.
inline wire::ExchangeAnswer failed_exchange(ErrorCode code, std::string detail) {
  return wire::ExchangeFailure{code, 0, std::move(detail), std::nullopt};
}

/// Asks for an exchange; the seam between the refresh clock and whatever does the exchanging.
using Exchange = std::function<boost::asio::awaitable<wire::ExchangeAnswer>(wire::ExchangeRequest)>;

struct ExchangeProgram {
  std::filesystem::path program;
  std::vector<std::string> arguments;  ///< --config and the like; never anything secret
  std::chrono::milliseconds deadline =
      wire::k_exchange_deadline;  ///< one that is silent for longer is killed
  Spawn spawn = broker::spawn;
};

/// An Exchange that runs `program` each time. One that is cancelled kills it.
Exchange exchange_by_process(boost::asio::any_io_executor executor, ExchangeProgram program);

}  // namespace fob::broker
