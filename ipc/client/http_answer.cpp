#include "ipc/client/http_answer.hpp"

#include "ipc/wire/limits.hpp"
#include "ipc/wire/token_page.hpp"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace fob::client {
namespace {

namespace http = boost::beast::http;

Error garbled(const boost::system::error_code& error) {
  return fail(ErrorCode::internal,
              "what answers at fobd's socket does not speak HTTP/1.1 as fobd does (" + error.message() + ")");
}

std::optional<std::int64_t> decode_count(std::string_view text) {
  std::int64_t count = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || rest != text.data() + text.size() || count < 0) return std::nullopt;
  return count;
}

std::optional<std::chrono::seconds> decode_retry_after(std::string_view text) {
  const auto count = decode_count(text);
  if (!count) return std::nullopt;
  return std::min<std::chrono::seconds>(std::chrono::seconds(*count), wire::k_max_retry_after);
}

}  // namespace

struct HttpAnswerReader::Parser {
  http::response_parser<http::string_body> http;
  std::string unread;  ///< what came but does not yet make a whole step for the parser
};

HttpAnswerReader::HttpAnswerReader(std::size_t most_body) : parser_(std::make_unique<Parser>()) {
  parser_->http.eager(true);
  parser_->http.body_limit(most_body);
  parser_->http.header_limit(wire::k_max_head);
}

HttpAnswerReader HttpAnswerReader::of_stream() {
  HttpAnswerReader reader(0);
  reader.parser_->http.body_limit(boost::none);
  return reader;
}

HttpAnswerReader::HttpAnswerReader(HttpAnswerReader&&) noexcept = default;
HttpAnswerReader& HttpAnswerReader::operator=(HttpAnswerReader&&) noexcept = default;
HttpAnswerReader::~HttpAnswerReader() = default;

Result<bool> HttpAnswerReader::take(std::string_view bytes) {
  auto& [parser, unread] = *parser_;
  if (parser.is_done()) return true;
  unread.append(bytes);
  boost::system::error_code error;
  std::size_t used = 0;
  while (used < unread.size() && !parser.is_done()) {
    const std::size_t step =
        parser.put(boost::beast::net::const_buffer(unread.data() + used, unread.size() - used), error);
    used += step;
    if (error == http::error::need_more || (!error && step == 0)) break;
    if (error) return garbled(error);
  }
  unread.erase(0, used);
  return parser.is_done();
}

Result<void> HttpAnswerReader::end() {
  auto& parser = parser_->http;
  boost::system::error_code error;
  if (!parser.got_some() && parser_->unread.empty())
    return fail(ErrorCode::daemon_not_running,
                "fobd closed the connection before it had answered; it may be restarting");
  parser.put_eof(error);
  if (error || !parser.is_done())
    return fail(ErrorCode::internal, "fobd closed the connection before it had answered; its log says why");
  return {};
}

std::optional<int> HttpAnswerReader::status() const {
  if (!parser_->http.is_header_done()) return std::nullopt;
  return static_cast<int>(parser_->http.get().result_int());
}

std::string HttpAnswerReader::take_body() { return std::exchange(parser_->http.get().body(), {}); }

HttpAnswer HttpAnswerReader::answer() {
  auto message = parser_->http.release();
  HttpAnswer answer;
  answer.status = static_cast<int>(message.result_int());
  answer.content_type = std::string(message[http::field::content_type]);
  answer.retry_after = decode_retry_after(message[http::field::retry_after]);
  if (const auto boottime = decode_count(message[wire::k_boottime_header]))
    answer.boottime = std::chrono::nanoseconds(*boottime);
  answer.body = std::move(message.body());
  return answer;
}

}  // namespace fob::client
