// One app's connection to a listener: HTTP/1.1 from whoever got past the user check, and so hostile. Beast's
// parser reads it; what an app could smuggle past one reader to another is refused rather than mended.
#pragma once

#include "daemon/gateway/answers.hpp"
#include "daemon/gateway/audit.hpp"
#include "daemon/gateway/rules.hpp"
#include "daemon/gateway/tokens.hpp"
#include "daemon/gateway/upstream.hpp"
#include "ipc/base/clock.hpp"
#include "ipc/base/log.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <memory>
#include <string>
#include <sys/types.h>

namespace fob::gateway {

/// What the connections of a listener share.
struct Listener {
  config::Gateway settings;
  Rules rules;
  std::shared_ptr<Tokens> tokens;
  std::shared_ptr<Upstream> upstream;
  const Clock& clock;
  Log& log;
  Audit& audit;
  std::size_t kept_bytes = 0;  ///< of request bodies that may have to be sent again
};
using ListenerPtr = std::shared_ptr<Listener>;

/// Serves the connection until it ends, one way or another. `user` made it.
boost::asio::awaitable<void> serve(ListenerPtr listener, boost::asio::ip::tcp::socket socket, uid_t user);

}  // namespace fob::gateway
