// The promotion of a staged credential that has been seen to work: done by `fob credential promote`, since
// fobd itself never opens the store. It is told a version, so that it promotes what was tried and nothing
// else, and that nobody else is trying it (--if-untested).
#pragma once

#include "daemon/broker/child_process.hpp"
#include "daemon/core/slot_choice.hpp"
#include "ipc/wire/limits.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace fob::broker {

struct PromotionOutcome {
  core::Promotion outcome = core::Promotion::failed;
  std::string detail;  ///< why it failed, for a person
};
inline PromotionOutcome failed_promotion(std::string detail) {
  return {core::Promotion::failed, std::move(detail)};
}

/// Promotes the staged credential of this version; the seam between the refresh and the store.
using Promote =
    std::function<boost::asio::awaitable<PromotionOutcome>(std::string profile, std::uint64_t version)>;

struct PromotionProgram {
  std::filesystem::path program;                                   ///< fob
  std::vector<std::string> arguments;                              ///< --config and --state-dir
  std::chrono::milliseconds deadline = wire::k_exchange_deadline;  ///< one that runs for longer is killed
  Spawn spawn = broker::spawn;
};

/// A Promote that runs `program` each time. One that is cancelled kills it.
Promote promote_by_process(boost::asio::any_io_executor executor, PromotionProgram program);

/// A Promote for whoever has no store: nothing is ever promoted.
boost::asio::awaitable<PromotionOutcome> promote_nothing(std::string profile, std::uint64_t version);

}  // namespace fob::broker
