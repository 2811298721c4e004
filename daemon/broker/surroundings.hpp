// What the broker lives on: the loop, the clock, chance, the log, and the seams to other processes.
#pragma once

#include "daemon/broker/exchange_process.hpp"
#include "daemon/broker/peer_facts.hpp"
#include "daemon/broker/promotion.hpp"
#include "ipc/base/clock.hpp"
#include "ipc/base/random.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <spdlog/logger.h>

#include <functional>

namespace fob::broker {

/// What is referred to outlives the broker and its keepers.
struct Surroundings {
  boost::asio::any_io_executor executor;
  const Clock& clock;
  Random& random;
  spdlog::logger& log;
  Exchange exchange;
  /// Called when a keeper may have begun or ceased to mind the network; see TokenKeeper::minds_network().
  std::function<void()> stirred = [] {};
  Promote promote = promote_nothing;
  FactSources facts = {};
};

}  // namespace fob::broker
