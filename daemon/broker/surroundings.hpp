// What the broker lives on: the loop, the clock, chance, the log, and the seams to other processes.
#pragma once

#include "daemon/broker/audit.hpp"
#include "daemon/broker/exchange_process.hpp"
#include "daemon/broker/peer_facts.hpp"
#include "daemon/broker/promotion.hpp"
#include "daemon/core/refresh.hpp"
#include "ipc/base/clock.hpp"
#include "ipc/base/log.hpp"
#include "ipc/base/random.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <string>

namespace fob::broker {

/// What is referred to outlives the broker and its keepers.
struct Surroundings {
  boost::asio::any_io_executor executor;
  const Clock& clock;
  Random& random;
  Log& log;
  Exchange exchange;
  /// Called when a keeper may have begun or ceased to mind the network; see TokenKeeper::minds_network().
  std::function<void()> stirred = [] {};
  Promote promote = promote_nothing;
  /// What the fobd before left of a profile, whose tokens are for `purpose`; and what this one leaves. See
  /// KeptProfiles.
  std::function<core::Resumption(const std::string& profile, const std::string& purpose)> recall =
      [](const auto&, const auto&) { return core::Resumption(); };
  std::function<void(const std::string& profile, const std::string& purpose, const core::Resumption& state)>
      keep = [](const auto&, const auto&, const auto&) {};
  FactSources facts = {};
  /// Notices what the device went through without telling anybody, such as a sleep; called before each
  /// answer.
  std::function<void()> look = [] {};
  /// Where records of the audit go, beside those who follow it.
  AuditSink audit = [](const auto&) {};
};

}  // namespace fob::broker
