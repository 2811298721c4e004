// control.sock: what operators may ask (design.md §4): root, fobd's own user, and the group fob-admin. Each
// call is audited with who made it. No call takes or returns a secret or a token.
#pragma once

#include "daemon/broker/broker.hpp"
#include "daemon/broker/http_server.hpp"
#include "daemon/broker/metrics.hpp"

#include <functional>
#include <optional>
#include <sys/types.h>
#include <vector>

namespace fob::broker {

/// Who counts as an operator.
struct Operators {
  uid_t own_uid;
  std::optional<gid_t> admin_group;
};

bool is_operator(const Operators& operators, const transport::Peer& peer);

/// What the sockets have had to do, for the metrics.
using Sockets = std::function<std::vector<SocketSample>()>;

/// A handler for HttpServer. What is referred to outlives it.
Handler operator_interface(
    Broker& broker, const Clock& clock, Operators operators,
    Sockets sockets = [] { return std::vector<SocketSample>(); });

}  // namespace fob::broker
