#include "ipc/transport/route_messages.hpp"

#include <algorithm>
#include <cstring>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <optional>

namespace fob::transport {
namespace {

// A device has a handful of links and addresses; a container host has hundreds. Beyond, up is up each time it
// is said.
constexpr std::size_t k_most_known = 4096;

// Copied out, since nothing in the datagram is aligned for certain.
template <class T>
std::optional<T> head_of(std::span<const std::byte> bytes) {
  if (bytes.size() < sizeof(T)) return std::nullopt;
  T head;
  std::memcpy(&head, bytes.data(), sizeof head);
  return head;
}

// Which address a message is about: its link, family and length, and its attributes that name it.
std::string name_of(const ifaddrmsg& head, std::span<const std::byte> attributes) {
  std::string name = std::to_string(head.ifa_index) + "/" + std::to_string(head.ifa_family) + "/" +
                     std::to_string(head.ifa_prefixlen);
  while (const auto attribute = head_of<rtattr>(attributes)) {
    if (attribute->rta_len < sizeof(rtattr) || attribute->rta_len > attributes.size()) break;
    const auto value = attributes.subspan(sizeof(rtattr), attribute->rta_len - sizeof(rtattr));
    if (attribute->rta_type == IFA_ADDRESS || attribute->rta_type == IFA_LOCAL)
      name.append(reinterpret_cast<const char*>(value.data()), std::min<std::size_t>(value.size(), 16));
    const std::size_t whole = RTA_ALIGN(attribute->rta_len);
    if (whole >= attributes.size()) break;
    attributes = attributes.subspan(whole);
  }
  return name;
}

bool is_default_route(std::span<const std::byte> payload) {
  const auto route = head_of<rtmsg>(payload);
  return route && route->rtm_dst_len == 0 && route->rtm_type == RTN_UNICAST;
}

}  // namespace

bool RouteMessages::link_came_up(std::span<const std::byte> payload, bool gone) {
  const auto link = head_of<ifinfomsg>(payload);
  if (!link) return false;
  constexpr unsigned up = IFF_UP | IFF_RUNNING;
  if (gone || (link->ifi_flags & up) != up) {
    running_.erase(link->ifi_index);
    return false;
  }
  return running_.size() >= k_most_known || running_.insert(link->ifi_index).second;
}

bool RouteMessages::address_came(std::span<const std::byte> payload, bool gone) {
  const auto address = head_of<ifaddrmsg>(payload);
  if (!address || address->ifa_scope == RT_SCOPE_HOST) return false;
  const std::string name = name_of(
      *address, payload.subspan(std::min<std::size_t>(payload.size(), NLMSG_ALIGN(sizeof(ifaddrmsg)))));
  // A tentative one cannot be used yet; the kernel says so again when it can.
  if (gone || (address->ifa_flags & IFA_F_TENTATIVE) != 0) {
    addresses_.erase(name);
    return false;
  }
  return addresses_.size() >= k_most_known || addresses_.insert(name).second;
}

bool RouteMessages::tell_of_network(std::span<const std::byte> datagram) {
  bool up = false;
  while (const auto head = head_of<nlmsghdr>(datagram)) {
    if (head->nlmsg_len < NLMSG_HDRLEN || head->nlmsg_len > datagram.size()) break;
    const auto payload = datagram.subspan(NLMSG_HDRLEN, head->nlmsg_len - NLMSG_HDRLEN);
    switch (head->nlmsg_type) {
      case RTM_NEWLINK:
      case RTM_DELLINK:
        up |= link_came_up(payload, head->nlmsg_type == RTM_DELLINK);
        break;
      case RTM_NEWADDR:
      case RTM_DELADDR:
        up |= address_came(payload, head->nlmsg_type == RTM_DELADDR);
        break;
      case RTM_NEWROUTE:
        up |= is_default_route(payload);
        break;
      default:
        break;
    }
    const std::size_t whole = NLMSG_ALIGN(head->nlmsg_len);
    if (whole >= datagram.size()) break;
    datagram = datagram.subspan(whole);
  }
  return up;
}

}  // namespace fob::transport
