// What an exchanger takes from systemd, and whom it serves, without a process of its own.
#include "daemon/exchanger/activation.hpp"
#include "ipc/transport/unix_listener.hpp"
#include "tests/support/temp_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace fob::exchanger {
namespace {

using ::testing::HasSubstr;

class ExchangerActivation : public ::testing::Test {
 protected:
  HandedDescriptor listening(const std::string& name) const {
    return {transport::listen_at(directory_.path() / name, {0600, std::nullopt}).value(),
            "fob-exchange.socket"};
  }
  UniqueFd connect(const std::string& name) const {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (directory_.path() / name).string().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }

  test::TempDirectory directory_;
};

TEST_F(ExchangerActivation, TakesOneSocketAndNoMore) {
  EXPECT_FALSE(*listener_among({})) << "none: it speaks on its standard streams";
  std::vector<HandedDescriptor> one, two;
  one.push_back(listening("a"));
  EXPECT_TRUE(*listener_among(std::move(one)));
  two.push_back(listening("b"));
  two.push_back(listening("c"));
  EXPECT_THAT(listener_among(std::move(two)).error().detail,
              HasSubstr("2 descriptors; fob-exchange takes one"));
}

TEST_F(ExchangerActivation, ServesACrowdToABoundAndLeavesTheRestToTheNext) {
  const auto listener = listening("s");
  std::vector<UniqueFd> crowd;
  for (int i = 0; i < k_most_connections + 2; ++i) crowd.push_back(connect("s"));
  int served = 0;
  serve_pending(listener.fd.get(), std::nullopt, [&](int) { ++served; });
  EXPECT_EQ(served, k_most_connections);
  serve_pending(listener.fd.get(), ::geteuid(), [&](int) { ++served; });
  EXPECT_EQ(served, k_most_connections + 2);
}

}  // namespace
}  // namespace fob::exchanger
