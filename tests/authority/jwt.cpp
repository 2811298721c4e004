#include "tests/authority/jwt.hpp"

#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"

#include <algorithm>

namespace fob::authority {
namespace {

using Signature = std::array<unsigned char, crypto_auth_hmacsha256_BYTES>;

constexpr int k_variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string base64url(const unsigned char* data, std::size_t size) {
  std::string text(sodium_base64_encoded_len(size, k_variant), '\0');
  sodium_bin2base64(text.data(), text.size(), data, size, k_variant);
  text.pop_back();  // the terminator that libsodium counts
  return text;
}

std::optional<std::string> unbase64url(std::string_view text) {
  std::string out(text.size(), '\0');
  std::size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(), text.size(),
                        nullptr, &size, nullptr, k_variant) != 0)
    return std::nullopt;
  out.resize(size);
  return out;
}

std::optional<wire::Json> part(std::string_view text) {
  const auto decoded = unbase64url(text);
  if (!decoded) return std::nullopt;
  auto json = wire::parse_object(*decoded, wire::k_max_token, ErrorCode::bad_request);
  if (!json) return std::nullopt;
  return std::move(*json);
}

std::vector<std::string> strings(const wire::Json& object, const char* name) {
  std::vector<std::string> out;
  const auto found = object.find(name);
  if (found == object.end() || !found->is_array()) return out;
  for (const auto& item : *found)
    if (item.is_string()) out.push_back(item.get<std::string>());
  return out;
}

}  // namespace

std::string sign(const Claims& claims, const JwtKey& key) {
  wire::Json payload = {{"iss", k_issuer},
                        {"sub", claims.subject},
                        {"scopes", claims.scopes},
                        {"iat", claims.issued.time_since_epoch().count()},
                        {"exp", claims.expires.time_since_epoch().count()},
                        {"jti", claims.id}};
  if (!claims.audience.empty()) payload["aud"] = claims.audience;
  const std::string header = wire::dump({{"alg", "HS256"}, {"typ", "JWT"}});
  const std::string body = wire::dump(payload);
  const std::string signed_part =
      base64url(bytes(header), header.size()) + "." + base64url(bytes(body), body.size());
  Signature signature{};
  crypto_auth_hmacsha256(signature.data(), bytes(signed_part), signed_part.size(), key.data());
  return signed_part + "." + base64url(signature.data(), signature.size());
}

std::optional<Claims> verify(std::string_view token, const JwtKey& key) {
  const auto first = token.find('.');
  const auto last = token.rfind('.');
  if (token.size() > wire::k_max_token || first == std::string_view::npos || first == last)
    return std::nullopt;
  const auto signed_part = token.substr(0, last);
  const auto signature = unbase64url(token.substr(last + 1));
  if (!signature || signature->size() != crypto_auth_hmacsha256_BYTES ||
      crypto_auth_hmacsha256_verify(bytes(*signature), bytes(signed_part), signed_part.size(), key.data()) !=
          0)
    return std::nullopt;

  // From here on the text is our own; the algorithm is still compared, so that "none" can never come to mean
  // anything.
  const auto header = part(signed_part.substr(0, first));
  const auto payload = part(signed_part.substr(first + 1));
  if (!header || !payload || wire::string_member(*header, "alg") != "HS256") return std::nullopt;
  const auto subject = wire::string_member(*payload, "sub");
  const auto issued = wire::integer_member(*payload, "iat");
  const auto expires = wire::integer_member(*payload, "exp");
  if (!subject || !issued || !expires) return std::nullopt;
  using std::chrono::seconds;
  using std::chrono::sys_seconds;
  return Claims{*subject,
                strings(*payload, "scopes"),
                strings(*payload, "aud"),
                sys_seconds(seconds(*issued)),
                sys_seconds(seconds(*expires)),
                wire::string_member(*payload, "jti").value_or("")};
}

}  // namespace fob::authority
