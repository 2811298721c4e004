// The sandbox's access tokens: JWTs signed with HS256 (RFC 7519, RFC 7515), as the vendor's are. A device
// cannot verify them; only who holds the key can. A token from a request is hostile until its signature has
// been checked.
#pragma once

#include <sodium.h>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fob::authority {

using JwtKey = std::array<unsigned char, crypto_auth_hmacsha256_KEYBYTES>;

/// Says at first sight where a stray token came from.
inline constexpr std::string_view k_issuer = "urn:fob:sandbox-authority";

struct Claims {
  std::string subject;  ///< the client id
  std::vector<std::string> scopes;
  std::vector<std::string>
      audience;  ///< what an OAuth client asked for by `audience` or `resource`; often nothing
  std::chrono::sys_seconds issued;
  std::chrono::sys_seconds expires;
  std::string id;
};

std::string sign(const Claims& claims, const JwtKey& key);

/// The claims of a token that `key` has signed; nothing if it has not, in whatever way. Expired ones are
/// returned too: the caller asks its clock.
std::optional<Claims> verify(std::string_view token, const JwtKey& key);

}  // namespace fob::authority
