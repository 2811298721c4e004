// One line, bounded in size and time, from whatever stands for stdin.
#include "ipc/base/line.hpp"

#include "ipc/base/unique_fd.hpp"

#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace fob {
namespace {

using namespace std::chrono_literals;

class RequestLineTest : public testing::Test {
 protected:
  RequestLineTest() {
    std::array<int, 2> fds{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0)
      throw std::runtime_error("socketpair");
    ours_.reset(fds[0]);
    theirs_.reset(fds[1]);
  }
  void send(std::string_view text) {
    ASSERT_EQ(::write(theirs_.get(), text.data(), text.size()), ssize_t(text.size()));
  }

  UniqueFd ours_, theirs_;
};

TEST_F(RequestLineTest, EndsAtTheNewline) {
  send("first\nsecond\n");
  EXPECT_EQ(read_line(ours_.get(), 100, 1s).value(), "first");
}

TEST_F(RequestLineTest, OrAtTheEndOfInput) {
  send("first");
  theirs_.reset();
  EXPECT_EQ(read_line(ours_.get(), 100, 1s).value(), "first");
}

TEST_F(RequestLineTest, IsBounded) {
  send(std::string(100, 'a') + "\n");
  EXPECT_EQ(read_line(ours_.get(), 100, 1s).value(), std::string(100, 'a'));
  send(std::string(101, 'a'));
  const auto line = read_line(ours_.get(), 100, 1s);
  ASSERT_FALSE(line);
  EXPECT_NE(line.error().detail.find("longer than 100 bytes"), std::string::npos);
}

TEST_F(RequestLineTest, ThatDoesNotComeIsNotWaitedForLong) {
  send("half a li");
  const auto line = read_line(ours_.get(), 100, 1ms);
  ASSERT_FALSE(line);
  EXPECT_EQ(line.error().code, ErrorCode::bad_request);
}

TEST_F(RequestLineTest, FromAClosedDescriptorIsAnError) { EXPECT_FALSE(read_line(-1, 100, 1ms)); }

TEST_F(RequestLineTest, TheAnswerIsOneLine) {
  ASSERT_TRUE(write_line(ours_.get(), "answer"));
  ours_.reset();
  EXPECT_EQ(read_line(theirs_.get(), 100, 1s).value(), "answer");
}

TEST_F(RequestLineTest, AnAnswerThatNobodyTakesIsNoticed) {
  std::signal(SIGPIPE, SIG_IGN);
  theirs_.reset();
  EXPECT_FALSE(write_line(ours_.get(), "answer"));
}

}  // namespace
}  // namespace fob
