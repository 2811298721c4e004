// What a listener of fob-gateway may be configured with. Each fails with ErrorCode::config, saying what is
// wrong and what would be right.
#pragma once

#include "ipc/base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace fob::config {

struct LoopbackAddress {
  std::string host;  ///< "127.0.0.1", or "::1" without brackets
  std::uint16_t port;
};

/// `text` as an address on loopback, in figures.
Result<LoopbackAddress> parse_listen(std::string_view text);
Result<void> check_listen(std::string_view text);

/// A base URL: what check_endpoint() lets through, without a query and without a slash at its end.
Result<void> check_upstream(std::string_view url);
/// Scheme and authority of a URL that check_endpoint() let through.
std::string base_of(std::string_view url);

/// An origin as a browser writes it (RFC 6454 §6.2): scheme, host and, unless it is the scheme's, port.
Result<void> check_origin(std::string_view origin);

/// "METHOD /path", where a part of the path may be * and its last **.
Result<void> check_route(std::string_view route);

/// A user's name or number. Whether there is one is seen when the gateway starts.
Result<void> check_user(std::string_view user);

/// Half of a pair for HTTP Basic (RFC 7617): visible ASCII, without a colon.
Result<void> check_pair_part(std::string_view text);

}  // namespace fob::config
