#include "ipc/wire/event_stream.hpp"

#include "ipc/wire/limits.hpp"

#include <gtest/gtest.h>

namespace fob::wire {
namespace {

using namespace std::chrono_literals;

TEST(EventStream, ATokenEventHoldsWhatATokenAnswerHolds) {
  const TokenAnswer answer{"abc", 30s, WallTime(), "p", {"query"}, "12345678"};
  EXPECT_EQ(encode(token_event(answer)), "event: token\ndata: " + encode(answer) + "\n\n");
}

TEST(EventStream, AnUnavailableEventSaysWhyAndWhen) {
  const Event event = unavailable_event("p", {ErrorCode::unreachable, "gone", 3s});
  EXPECT_EQ(
      event.data,
      R"({"type":"urn:fob:authority-unreachable","title":"The authority cannot be reached","status":503,)"
      R"("detail":"gone","profile":"p","retry_after":3})");
}

TEST(EventStream, EventsAreReadHoweverTheirBytesArrive) {
  const std::string bytes =
      ":\n\nevent: token\r\ndata: {\"a\":1}\r\n\r\nretry: 5\n:x\nevent:revoked\ndata:{}\n\n";
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    EventReader reader;
    for (std::size_t at = 0; at < bytes.size(); at += step)
      ASSERT_TRUE(reader.take(std::string_view(bytes).substr(at, step)));
    const auto first = reader.next(), second = reader.next();
    ASSERT_TRUE(first && second) << step;
    EXPECT_EQ(first->name + first->data, "token{\"a\":1}");
    EXPECT_EQ(second->name + second->data, "revoked{}");
    EXPECT_FALSE(reader.next());
  }
}

TEST(EventStream, AnEventWithoutAnEndIsRefused) {
  EventReader reader;
  ASSERT_TRUE(reader.take("data: " + std::string(k_max_answer / 2, 'x') + "\n"));
  EXPECT_FALSE(reader.take("data: " + std::string(k_max_answer, 'x')));
}

}  // namespace
}  // namespace fob::wire
