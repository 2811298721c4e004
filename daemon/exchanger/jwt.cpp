#include "daemon/exchanger/jwt.hpp"

#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"

#include <sodium.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace fob::exchanger {
namespace {

using std::chrono::sys_seconds;

// The second of the three parts between dots (RFC 7519 §3, RFC 7515 §7.1).
std::optional<std::string> payload_of(std::string_view token) {
  if (token.size() > wire::k_max_token || std::count(token.begin(), token.end(), '.') != 2)
    return std::nullopt;
  const auto first = token.find('.') + 1;
  const auto coded = token.substr(first, token.rfind('.') - first);
  std::string payload(coded.size(), '\0');
  std::size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(payload.data()), payload.size(), coded.data(),
                        coded.size(), nullptr, &size, nullptr, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
    return std::nullopt;
  payload.resize(size);
  return payload;
}

// A NumericDate (RFC 7519 §2) may have a fraction.
std::optional<sys_seconds> numeric_date(const wire::Json& payload, const char* name,
                                        double (*rounded)(double)) {
  constexpr double k_year_9999 = 253402300799.0;
  const auto found = payload.find(name);
  if (found == payload.end() || !found->is_number()) return std::nullopt;
  const auto value = rounded(found->get<double>());
  if (!(value >= 0 && value <= k_year_9999)) return std::nullopt;
  return sys_seconds(std::chrono::seconds(static_cast<std::int64_t>(value)));
}

}  // namespace

JwtTimes jwt_times(std::string_view token) {
  const auto text = payload_of(token);
  if (!text) return {};
  const auto payload = wire::parse_object(*text, wire::k_max_token, ErrorCode::bad_answer);
  if (!payload) return {};
  return {numeric_date(*payload, "exp", std::floor), numeric_date(*payload, "iat", std::ceil)};
}

}  // namespace fob::exchanger
