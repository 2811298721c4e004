// Descriptors beside a message: as many as were sent, and never one left open unnoticed.
#include "ipc/base/passed_descriptors.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

namespace fob {
namespace {

class PassedDescriptors : public ::testing::Test {
 protected:
  PassedDescriptors() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    ours_.reset(ends[0]);
    theirs_.reset(ends[1]);
  }
  Received receive() {
    text_.assign(64, '\0');
    auto received = receive_with(theirs_.get(), text_, MSG_DONTWAIT);
    text_.resize(received.size < 0 ? 0 : static_cast<std::size_t>(received.size));
    return received;
  }
  static constexpr std::string_view k_text = "text";
  UniqueFd ours_, theirs_;
  std::string text_;
};

TEST_F(PassedDescriptors, ArriveWithTheirMessage) {
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  for (const std::size_t count : {0u, 1u, 2u}) {
    const std::array<int, 2> fds{null.get(), null.get()};
    ASSERT_EQ(send_with(ours_.get(), k_text, std::span(fds).first(count)), 4);
    const auto received = receive();
    EXPECT_EQ(text_, k_text);
    EXPECT_TRUE(received.all);
    ASSERT_EQ(received.fds.size(), count);
    for (const auto& fd : received.fds) EXPECT_NE(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
  }
}

TEST_F(PassedDescriptors, BeyondWhatIsTakenAreSaidToBeMissing) {
  std::array<int, 3> fds{};
  fds.fill(ours_.get());
  char byte = 'x';
  iovec content{&byte, 1};
  msghdr message{};
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof fds)> control{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fds);
  std::memcpy(CMSG_DATA(header), fds.data(), sizeof fds);
  ASSERT_EQ(::sendmsg(ours_.get(), &message, 0), 1);
  const auto received = receive();
  EXPECT_EQ(received.size, 1);
  EXPECT_FALSE(received.all);
  EXPECT_EQ(received.fds.size(), k_most_passed);
}

TEST_F(PassedDescriptors, OfAConnectionThatEndedAreNone) {
  EXPECT_LT(receive().size, 0) << "nothing there yet";
  ours_.reset();
  const auto received = receive();
  EXPECT_EQ(received.size, 0);
  EXPECT_TRUE(received.fds.empty());
}

}  // namespace
}  // namespace fob
