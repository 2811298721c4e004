// HTTP Basic (RFC 7617), read strictly: what is malformed is told apart from what is wrong, as the vendor
// does (400, 401). The header is hostile. The secrets of a sandbox are worth nothing, so they travel in plain
// strings here.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace fob::authority {

struct ClientPair {
  std::string client_id;
  std::string secret;
};

/// The pair in an Authorization header's value; nothing unless it is well-formed to the last bit.
std::optional<ClientPair> parse_basic(std::string_view value);

}  // namespace fob::authority
