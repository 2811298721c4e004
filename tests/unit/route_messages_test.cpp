#include "ipc/transport/route_messages.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <vector>

namespace fob::transport {
namespace {

using Bytes = std::vector<std::byte>;

template <class T>
Bytes message(std::uint16_t type, const T& payload) {
  nlmsghdr head{};
  head.nlmsg_type = type;
  head.nlmsg_len = NLMSG_LENGTH(sizeof payload);
  Bytes bytes(NLMSG_SPACE(sizeof payload));
  std::memcpy(bytes.data(), &head, sizeof head);
  std::memcpy(bytes.data() + NLMSG_HDRLEN, &payload, sizeof payload);
  return bytes;
}

Bytes link(int index, unsigned flags) {
  ifinfomsg info{};
  info.ifi_index = index;
  info.ifi_flags = flags;
  return message(RTM_NEWLINK, info);
}

struct Address {
  ifaddrmsg info;
  rtattr attribute;
  std::uint32_t value;
};

Bytes address(unsigned char scope, unsigned char flags, std::uint32_t value = 1,
              std::uint16_t type = RTM_NEWADDR) {
  Address address{};
  address.info.ifa_scope = scope;
  address.info.ifa_flags = flags;
  address.attribute = {sizeof(rtattr) + sizeof(std::uint32_t), IFA_LOCAL};
  address.value = value;
  return message(type, address);
}

Bytes route(unsigned char length, unsigned char type) {
  rtmsg info{};
  info.rtm_dst_len = length;
  info.rtm_type = type;
  return message(RTM_NEWROUTE, info);
}

TEST(RouteMessages, ALinkComesUpOnceUntilItWentDown) {
  RouteMessages messages;
  EXPECT_FALSE(messages.tell_of_network(link(3, IFF_UP)));
  EXPECT_TRUE(messages.tell_of_network(link(3, IFF_UP | IFF_RUNNING)));
  EXPECT_FALSE(messages.tell_of_network(link(3, IFF_UP | IFF_RUNNING))) << "the kernel repeats itself";
  EXPECT_TRUE(messages.tell_of_network(link(4, IFF_UP | IFF_RUNNING)));
  EXPECT_FALSE(messages.tell_of_network(link(3, 0)));
  EXPECT_TRUE(messages.tell_of_network(link(3, IFF_UP | IFF_RUNNING)));
}

TEST(RouteMessages, AnAddressOrADefaultRouteIsANetwork) {
  RouteMessages messages;
  EXPECT_TRUE(messages.tell_of_network(address(RT_SCOPE_UNIVERSE, 0)));
  EXPECT_FALSE(messages.tell_of_network(address(RT_SCOPE_UNIVERSE, IFA_F_TENTATIVE)));
  EXPECT_FALSE(messages.tell_of_network(address(RT_SCOPE_HOST, 0)));
  EXPECT_TRUE(messages.tell_of_network(route(0, RTN_UNICAST)));
  EXPECT_FALSE(messages.tell_of_network(route(24, RTN_UNICAST)));
  EXPECT_FALSE(messages.tell_of_network(route(0, RTN_UNREACHABLE)));
}

TEST(RouteMessages, AnAddressThatIsOnlyMadeToLiveLongerIsNoNews) {
  RouteMessages messages;
  EXPECT_TRUE(messages.tell_of_network(address(RT_SCOPE_UNIVERSE, 0, 1)));
  EXPECT_FALSE(messages.tell_of_network(address(RT_SCOPE_UNIVERSE, 0, 1)));
  EXPECT_TRUE(messages.tell_of_network(address(RT_SCOPE_UNIVERSE, 0, 2)));
  EXPECT_FALSE(messages.tell_of_network(address(RT_SCOPE_UNIVERSE, 0, 1, RTM_DELADDR)));
  EXPECT_TRUE(messages.tell_of_network(address(RT_SCOPE_UNIVERSE, 0, 1)));
}

TEST(RouteMessages, ReadsEveryMessageOfADatagram) {
  Bytes datagram = route(24, RTN_UNICAST);
  const Bytes second = route(0, RTN_UNICAST);
  datagram.insert(datagram.end(), second.begin(), second.end());
  EXPECT_TRUE(RouteMessages().tell_of_network(datagram));
}

TEST(RouteMessages, AMessageThatLiesAboutItsLengthIsNotRead) {
  Bytes bytes = route(0, RTN_UNICAST);
  for (std::uint32_t length : {0U, 15U, 17U, 1000U, 0xffffffffU}) {
    std::memcpy(bytes.data(), &length, sizeof length);
    EXPECT_FALSE(RouteMessages().tell_of_network(bytes)) << length;
  }
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(RouteMessages().tell_of_network(std::span(bytes).first(size)));
}

}  // namespace
}  // namespace fob::transport
