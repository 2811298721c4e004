// What may come in at a listener, decided from the head of a request alone. Web pages of any origin can make
// a browser send requests to loopback, and a name of theirs may lead there (DNS rebinding); native apps say
// what they like. Pure.
#pragma once

#include "daemon/config/config.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fob::gateway {

/// What decides of a request. Views into the request; empty for what it does not have.
struct Head {
  std::string_view method;
  std::string_view target;
  std::string_view host;
  std::string_view origin;
  std::string_view browser;       ///< what only browsers send, such as Sec-Fetch-Site (W3C Fetch Metadata)
  std::string_view asked_method;  ///< Access-Control-Request-Method, of a preflight
  bool asks_for_private_network;  ///< Access-Control-Request-Private-Network: true
};

enum class Kind : std::uint8_t {
  refused,
  preflight,    ///< answered with `status` and the headers for pages
  token,        ///< the vendor's own token route
  oauth_token,  ///< RFC 6749 §3.2
  pass          ///< to upstream
};

struct Verdict {
  Kind kind = Kind::refused;
  int status = 403;
  std::string why;    ///< of a refusal, for the app's developer
  bool page = false;  ///< a page of an allowed origin asks, and is to be let read the answer
  std::string route;  ///< by which it passes
};

inline constexpr std::string_view k_token_path = "/v1/m2m/token";
inline constexpr std::string_view k_oauth_path = "/oauth/token";

class Rules {
 public:
  explicit Rules(const config::Gateway& gateway);

  Verdict judge(const Head& head) const;

 private:
  Verdict judge_route(const Head& head, std::string_view method) const;
  /// "" where none of them fits.
  std::string route_of(std::string_view method, std::string_view path) const;

  std::string name_;
  std::vector<std::string> hosts_;  ///< what Host may say
  std::vector<std::string> origins_;
  std::vector<std::string> routes_;
};

/// Whether the path (RFC 3986 §3.3, without the query) is one that every server reads alike: from the root,
/// and without dots, doubled slashes or encoded characters of meaning that a server may resolve differently.
bool is_plain_path(std::string_view path);

/// Whether `path` fits `pattern`, part by part: * stands for one, ** at the end for any number of them.
bool fits(std::string_view pattern, std::string_view path);

}  // namespace fob::gateway
