// HTTP without a network: what a request says and what is answered, as plain values. The routes are functions
// between the two, so that tests need no socket; server.cpp is the only place that knows Beast. A Request is
// hostile: its sizes are bounded by server.cpp, and nothing else about it is believed.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fob::authority {

using Json = nlohmann::json;
using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;
  std::string target;  ///< path and query, as sent
  Headers headers;
  std::string body;
  bool over_tls = false;

  std::string_view scheme() const { return over_tls ? "https" : "http"; }
  std::string_view path() const;
  std::string_view query() const;
  /// The first header of this name, in whatever case.
  std::optional<std::string_view> header(std::string_view name) const;
  std::size_t count(std::string_view name) const;
};

/// How the answer goes over the wire; everything but `whole` is a fault asked for (faults.hpp).
enum class Delivery : std::uint8_t {
  whole,
  hang,       ///< no answer: silence until the client leaves
  reset,      ///< TCP RST
  empty,      ///< closed without a byte
  truncated,  ///< closed in the middle of the body
  garbage,    ///< bytes that are not HTTP
  huge,       ///< a body of 64 MB
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  Delivery delivery = Delivery::whole;
};

Response json_response(int status, const Json& body);
/// `{"error": text}`, the vendor's shape.
Response error_response(int status, std::string_view text);
/// 405 with the Allow header RFC 9110 §15.5.6 demands.
Response method_not_allowed(std::string_view allowed);

bool equal_ignoring_case(std::string_view a, std::string_view b);

/// Whether a Host header names this machine by a name that nobody else can bind to an address of theirs.
bool is_loopback_host(std::string_view host);

/// An application/x-www-form-urlencoded text as its pairs, in order; nothing if an escape is broken.
std::optional<Headers> parse_form(std::string_view text);
/// `%41+` → "A "; nothing if an escape is broken.
std::optional<std::string> form_decoded(std::string_view text);

}  // namespace fob::authority
