// The watches on the kernel's own clocks and sockets. That a real link wakes them is for the end-to-end
// tests, which have network namespaces.
#include "ipc/transport/clock_watch.hpp"
#include "ipc/transport/network_watch.hpp"
#include "tests/support/manual_clock.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <vector>

namespace fob::transport {
namespace {

using namespace std::chrono_literals;

TEST(ClockWatch, NoticesSleepByTheDriftBetweenTheClocks) {
  boost::asio::io_context io;
  test::ManualClock clock;
  std::vector<TimeJump> jumps;
  ClockWatch watch(io.get_executor(), clock, [&](TimeJump jump) { jumps.push_back(jump); });
  clock.advance(1h);
  watch.look();
  EXPECT_TRUE(jumps.empty()) << "time that simply passes is no sleep";
  clock.sleep(500ms);
  watch.look();
  EXPECT_TRUE(jumps.empty()) << "less than a nap";
  clock.sleep(8h);
  watch.look();
  EXPECT_EQ(jumps, std::vector{TimeJump::slept});
  watch.look();
  EXPECT_EQ(jumps.size(), 1U) << "told once";
}

TEST(NetworkWatch, ListensAndRestsAsOftenAsItIsTold) {
  boost::asio::io_context io;
  NetworkWatch watch(io.get_executor(), [] {});
  for (int i = 0; i < 3; ++i) {
    const auto listening = watch.listen();
    ASSERT_TRUE(listening) << listening.error().detail;
    ASSERT_TRUE(watch.listen());
    io.poll();
    watch.rest();
    io.poll();
    io.restart();
  }
}

}  // namespace
}  // namespace fob::transport
