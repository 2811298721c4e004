// One HTTPS request and what comes of it, as plain values: what lies between those who think (token_request,
// answer, transport_failure) and the one file that knows libcurl.
#pragma once

#include "ipc/base/secret_bytes.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace fob::exchanger {

// No token answer comes near it (design.md §6).
inline constexpr std::size_t k_max_http_body = 64 * 1024;
inline constexpr std::size_t k_max_http_head = 64 * 1024;

/// A POST. Authorization and body may hold the secret.
struct HttpRequest {
  std::string url;  ///< checked by config::check_endpoint(): https, or http on loopback
  std::string_view content_type;
  WipingString authorization;  ///< the header's value; "" for none
  WipingString body;
  std::optional<std::string> ca_pem;  ///< trusted instead of the system's CAs
  std::optional<std::string> pin_sha256;
  std::optional<std::string> proxy;
};

/// A whole answer, whatever its status. Its bytes are the network's: nothing in it is to be believed.
struct HttpAnswer {
  int status = 0;
  std::string content_type;
  std::string date;         ///< the Date header; "" if there was none
  std::string retry_after;  ///< likewise
  std::string redirect;     ///< where a 3xx points to, as an absolute URL
  std::string body;
};

/// Why there is no whole answer.
enum class Trouble : std::uint8_t {
  resolve,          ///< the host's name is not known
  resolve_proxy,    ///< the proxy's name is not known
  proxy,            ///< the proxy refuses
  connect,          ///< refused, or no way there
  dropped,          ///< the connection ended before an answer
  connect_timeout,  ///< no connection in time
  answer_timeout,   ///< no whole answer in time
  certificate,      ///< not trusted; `verify` says why
  host_name,        ///< a certificate for another host
  handshake,        ///< no common TLS
  pin,              ///< another public key than the pinned one
  ca_file,          ///< ca_file holds no usable certificate
  off_loopback,     ///< plain http, and the peer is not this machine
  too_big,
  cut_short,
  not_http,
  other
};

struct TransportFailure {
  Trouble trouble = Trouble::other;
  int status = 0;    ///< of an answer that had begun
  long verify = 0;   ///< X509_V_ERR_… for Trouble::certificate
  std::string text;  ///< the library's own few words
};

using HttpOutcome = std::variant<HttpAnswer, TransportFailure>;

/// What comes of going there without a credential.
struct HttpSight {
  HttpOutcome outcome;
  std::optional<std::chrono::sys_seconds> certificate_ends;  ///< the endpoint's own
};

}  // namespace fob::exchanger
