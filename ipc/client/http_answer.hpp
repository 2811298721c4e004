// One HTTP/1.1 answer, read from bytes as they come. Beast parses, behind this face alone, so that Beast is
// compiled once here and whoever holds the socket needs none of it. The bytes come from whatever answers at
// fobd's socket; they are bounded and believed no further.
#pragma once

#include "ipc/base/result.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace fob::client {

/// A whole answer. `body` may hold a token, so it is not for logs.
struct HttpAnswer {
  int status = 0;
  std::string content_type;
  std::optional<std::chrono::seconds> retry_after;   ///< only as a number of seconds; fobd sends no dates
  std::optional<std::chrono::nanoseconds> boottime;  ///< fobd's CLOCK_BOOTTIME, where it tells (PROTOCOL.md)
  std::string body;
};

class HttpAnswerReader {
 public:
  /// An answer with a longer body is refused.
  explicit HttpAnswerReader(std::size_t most_body);
  HttpAnswerReader(HttpAnswerReader&&) noexcept;
  HttpAnswerReader& operator=(HttpAnswerReader&&) noexcept;
  ~HttpAnswerReader();

  /// For an answer that does not end by itself: no bound on its whole, and take_body() hands out its parts.
  static HttpAnswerReader of_stream();

  /// Takes the next bytes; true once the answer is complete, and what follows it is ignored. Fails with
  /// ErrorCode::internal on bytes that are no HTTP/1.1 answer, or too many of them.
  Result<bool> take(std::string_view bytes);
  /// No more bytes will come. Fails with ErrorCode::internal where that cuts the answer short, and with
  /// daemon_not_running where there was none at all: so a restart looks to who asked in its last instant.
  Result<void> end();
  /// The status, once the head is there.
  std::optional<int> status() const;
  /// What has come of the body since the last call.
  std::string take_body();
  /// The answer, once take() said true or end() succeeded; to be called once.
  HttpAnswer answer();

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace fob::client
