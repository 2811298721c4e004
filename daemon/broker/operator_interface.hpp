// control.sock: what operators may ask (design.md §4): root, fobd's own user, and the group fob-admin. Each
// call is audited with who made it. No call takes or returns a secret or a token.
#pragma once

#include "daemon/broker/broker.hpp"
#include "daemon/broker/http_server.hpp"

#include <optional>
#include <sys/types.h>

namespace fob::broker {

/// Who counts as an operator.
struct Operators {
  uid_t own_uid;
  std::optional<gid_t> admin_group;
};

bool is_operator(const Operators& operators, const transport::Peer& peer);

/// A handler for HttpServer. What is referred to outlives it.
Handler operator_interface(Broker& broker, const Clock& clock, Operators operators);

}  // namespace fob::broker
