// fob.sock: what apps may ask (design.md §4). Each request is hostile until decoded, and answered from what
// the kernel says about the peer, never from what the peer says about itself.
#pragma once

#include "daemon/broker/broker.hpp"
#include "daemon/broker/http_server.hpp"

namespace fob::broker {

/// A handler for HttpServer. `broker` and `clock` outlive it.
Handler app_interface(Broker& broker, const Clock& clock);

}  // namespace fob::broker
