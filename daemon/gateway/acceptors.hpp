// The sockets that fob-gateway's listeners are at: systemd's, where it started us, else our own. Trusted as
// far as whoever started us is; but never off loopback.
#pragma once

#include "daemon/config/config.hpp"
#include "ipc/base/handed_descriptors.hpp"
#include "ipc/base/result.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <map>
#include <string>
#include <vector>

namespace fob::gateway {

/// By the listener's name.
using Acceptors = std::map<std::string, boost::asio::ip::tcp::acceptor>;

/// Of each listener: the socket that was handed over at its address, or a new one there. Fails with config,
/// also where a socket was handed over that is at no listener's address. `io` outlives them.
Result<Acceptors> open_acceptors(boost::asio::io_context& io, const config::Config& config,
                                 std::vector<HandedDescriptor> handed);

}  // namespace fob::gateway
