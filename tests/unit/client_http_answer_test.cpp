#include "ipc/client/http_answer.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace fob::client {
namespace {

constexpr std::size_t k_limit = 1000;

Result<HttpAnswer> read_whole(std::string_view bytes) {
  HttpAnswerReader reader(k_limit);
  const auto complete = reader.take(bytes);
  if (!complete) return complete.error();
  if (!*complete) {
    if (auto ended = reader.end(); !ended) return ended.error();
  }
  return reader.answer();
}

const std::string k_plain =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}";

TEST(HttpAnswerReading, GivesStatusHeadersAndBody) {
  const auto answer = read_whole(k_plain);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->content_type, "application/json");
  EXPECT_EQ(answer->retry_after, std::chrono::seconds(7));
  EXPECT_EQ(answer->body, "{}");
}

TEST(HttpAnswerReading, IsTheSameHoweverTheBytesAreCut) {
  for (std::size_t cut = 0; cut <= k_plain.size(); ++cut) {
    HttpAnswerReader reader(k_limit);
    ASSERT_TRUE(reader.take(std::string_view(k_plain).substr(0, cut))) << cut;
    const auto complete = reader.take(std::string_view(k_plain).substr(cut));
    ASSERT_TRUE(complete && *complete) << cut;
    EXPECT_EQ(reader.answer().body, "{}");
  }
}

TEST(HttpAnswerReading, TakesSingleBytes) {
  HttpAnswerReader reader(k_limit);
  bool complete = false;
  for (const char byte : k_plain) {
    const auto taken = reader.take({&byte, 1});
    ASSERT_TRUE(taken);
    complete = *taken;
  }
  EXPECT_TRUE(complete);
}

TEST(HttpAnswerReading, IgnoresWhatFollowsTheAnswer) {
  const auto answer = read_whole(k_plain + "HTTP/1.1 500 Oops\r\n\r\n");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "{}");
}

TEST(HttpAnswerReading, UnderstandsChunks) {
  const auto answer =
      read_whole("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "{}");
}

TEST(HttpAnswerReading, TakesABodyThatEndsWithTheConnection) {
  const auto answer = read_whole("HTTP/1.1 200 OK\r\n\r\n{}");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "{}");
}

TEST(HttpAnswerReading, SaysThatNobodyIsThereWhereNothingCame) {
  const auto answer = read_whole("");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::daemon_not_running);
}

TEST(HttpAnswerReading, RefusesAnAnswerCutShort) {
  for (std::size_t cut = 1; cut < k_plain.size(); ++cut) {
    const auto answer = read_whole(std::string_view(k_plain).substr(0, cut));
    ASSERT_FALSE(answer) << cut;
    EXPECT_EQ(answer.error().code, ErrorCode::internal);
  }
}

TEST(HttpAnswerReading, RefusesGarbage) {
  for (const std::string& garbage :
       std::vector<std::string>{"SSH-2.0-OpenSSH_9.2\r\n", "HTTP/9.9 200 OK\r\n\r\n", std::string(12, '\0'),
                                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}"}) {
    const auto answer = read_whole(garbage);
    ASSERT_FALSE(answer) << garbage;
    EXPECT_EQ(answer.error().code, ErrorCode::internal);
  }
}

TEST(HttpAnswerReading, RefusesALargerBodyThanAllowed) {
  EXPECT_FALSE(read_whole("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"));
  EXPECT_FALSE(read_whole("HTTP/1.1 200 OK\r\n\r\n" + std::string(1001, ' ')));
  EXPECT_TRUE(read_whole("HTTP/1.1 200 OK\r\n\r\n" + std::string(1000, ' ')));
}

TEST(HttpAnswerReading, RefusesAnEndlessHead) {
  HttpAnswerReader reader(k_limit);
  auto taken = reader.take("HTTP/1.1 200 OK\r\nX: ");
  for (int i = 0; i < 100 && taken; ++i) taken = reader.take(std::string(1000, 'x'));
  EXPECT_FALSE(taken);
}

TEST(HttpAnswerReading, ForgetsARetryAfterThatIsNoNumber) {
  const auto answer = read_whole("HTTP/1.1 200 OK\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n\r\n");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->retry_after, std::nullopt);
}

}  // namespace
}  // namespace fob::client
