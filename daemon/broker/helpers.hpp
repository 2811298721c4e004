// Who does for the broker what it may not do itself: exchange a credential, promote a staged one, look at
// another's process. In the system installation units do, asked over their sockets in the runtime directory;
// elsewhere programs of fob's do, started by the launcher.
#pragma once

#include "daemon/broker/exchange_process.hpp"
#include "daemon/broker/peer_facts.hpp"
#include "daemon/broker/promotion.hpp"
#include "daemon/config/locations.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <optional>

namespace fob::broker {

/// How programs are started; nothing: units do what programs would.
using Starter = std::optional<Spawn>;

/// Forks the launcher off, unless there are `units`: to be called before this process confines itself, and
/// while it has one thread.
Result<Starter> make_starter(const config::Locations& at, bool units);

struct Helpers {
  Exchange exchange;
  Promote promote;
  FactSources facts;
};
Helpers helpers_by(const boost::asio::any_io_executor& executor, const config::Locations& at,
                   const Starter& start);

}  // namespace fob::broker
