// What the kernel tells about links, addresses and routes (rtnetlink(7)), reduced to the one thing that
// counts here: whether the network may be there now that was not before. Pure. The bytes are the kernel's,
// but are bounded and checked like any others.
#pragma once

#include <cstddef>
#include <set>
#include <span>
#include <string>

namespace fob::transport {

class RouteMessages {
 public:
  /// One datagram. True if a link came up, an address was added, or a default route.
  bool tell_of_network(std::span<const std::byte> datagram);

 private:
  bool link_came_up(std::span<const std::byte> payload, bool gone);
  bool address_came(std::span<const std::byte> payload, bool gone);

  // What is there already. The kernel says it again for many reasons, such as each router advertisement that
  // makes an address live longer.
  std::set<int> running_;
  std::set<std::string> addresses_;
};

}  // namespace fob::transport
