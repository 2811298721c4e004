#include "daemon/gateway/forwarding.hpp"

#include <boost/beast/http/rfc7230.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace fob::gateway {
namespace {

namespace beast = boost::beast;

// About one connection alone (RFC 9110 §7.6.1), and lengths, which each side says for itself.
constexpr std::array<std::string_view, 10> k_hop_by_hop = {"Connection",
                                                           "Keep-Alive",
                                                           "Proxy-Connection",
                                                           "Proxy-Authenticate",
                                                           "Proxy-Authorization",
                                                           "TE",
                                                           "Transfer-Encoding",
                                                           "Trailer",
                                                           "Upgrade",
                                                           "Expect"};
// Between the browser and us, or replaced.
constexpr std::array<std::string_view, 6> k_of_the_app = {"Host",   "Authorization", "Content-Length",
                                                          "Cookie", "Origin",        "Referer"};
constexpr std::array<std::string_view, 1> k_length = {"Content-Length"};
constexpr std::array<std::string_view, 3> k_with_body = {"POST", "PUT", "PATCH"};
constexpr std::array<std::string_view, 2> k_of_browsers = {"Sec-", "Access-Control-"};
constexpr std::array<std::string_view, 3> k_of_upstream = {"Set-Cookie", "Alt-Svc",
                                                           "Strict-Transport-Security"};

beast::string_view boosted(std::string_view text) { return {text.data(), text.size()}; }

template <class Names>
bool is_one_of(const Names& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view one) { return beast::iequals(boosted(one), boosted(name)); });
}

template <class Starts>
bool starts_with_one_of(const Starts& starts, std::string_view name) {
  return std::any_of(starts.begin(), starts.end(), [&](std::string_view start) {
    return beast::iequals(boosted(name.substr(0, start.size())), boosted(start));
  });
}

}  // namespace

UpstreamRequest to_upstream(const config::Gateway& settings, const http::request<http::buffer_body>& request,
                            const std::string& token) {
  UpstreamRequest out;
  out.method = std::string(view_of(request.method_string()));
  out.url = settings.upstream + std::string(view_of(request.target()));
  out.token = token;
  http::token_list named(request[http::field::connection]);
  for (const auto& field : request) {
    const std::string_view name = view_of(field.name_string());
    if (is_one_of(k_hop_by_hop, name) || is_one_of(k_of_the_app, name) ||
        starts_with_one_of(k_of_browsers, name) || named.exists(field.name_string()))
      continue;
    out.headers.push_back({std::string(name), std::string(view_of(field.value()))});
  }
  const std::string_view length = view_of(request[http::field::content_length]);
  std::uint64_t size = 0;
  if (!length.empty() &&
      std::from_chars(length.data(), length.data() + length.size(), size).ec == std::errc{})
    out.body_size = size;
  // Many servers demand a length of these, be it none.
  const bool may_have_body = is_one_of(k_with_body, out.method);
  if (may_have_body && !out.body_size && !request.chunked()) out.body_size = 0;
  out.has_body = out.body_size || request.chunked();
  return out;
}

void to_app(const UpstreamAnswer& answer, http::response<http::buffer_body>& response) {
  response.version(11);
  response.result(static_cast<unsigned>(answer.status));
  std::string connection;
  for (const auto& [name, value] : answer.headers)
    if (is_one_of(std::array<std::string_view, 1>{"Connection"}, name)) connection += "," + value;
  http::token_list named(connection);
  for (const auto& [name, value] : answer.headers)
    if (!is_one_of(k_hop_by_hop, name) && !is_one_of(k_of_upstream, name) && !is_one_of(k_length, name) &&
        !starts_with_one_of(k_of_browsers, name) && !named.exists(name))
      response.insert(boosted(name), boosted(value));
}

Answer failure_of_upstream(const Error& error) {
  Answer answer = refusal(error.code == ErrorCode::timeout ? 504 : 502, "upstream: " + error.detail);
  answer.retry_after = std::chrono::seconds(1);
  return answer;
}

}  // namespace fob::gateway
