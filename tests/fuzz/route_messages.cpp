// What comes from an rtnetlink socket: never read beyond what was received.
#include "ipc/transport/route_messages.hpp"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  fob::transport::RouteMessages messages;
  const std::span datagram(reinterpret_cast<const std::byte*>(bytes), size);
  messages.tell_of_network(datagram);
  messages.tell_of_network(datagram);
  return 0;
}
