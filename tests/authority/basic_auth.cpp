#include "tests/authority/basic_auth.hpp"

#include "tests/authority/http.hpp"

#include <sodium.h>

#include <algorithm>

namespace fob::authority {

std::optional<ClientPair> parse_basic(std::string_view value) {
  constexpr std::string_view k_scheme = "Basic ";
  if (value.size() <= k_scheme.size() || !equal_ignoring_case(value.substr(0, k_scheme.size()), k_scheme))
    return std::nullopt;
  value.remove_prefix(std::min(value.find_first_not_of(' ', k_scheme.size()), value.size()));

  std::string pair(value.size(), '\0');
  std::size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(pair.data()), pair.size(), value.data(),
                        value.size(), nullptr, &size, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0)
    return std::nullopt;
  pair.resize(size);

  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  const auto colon = pair.find(':');
  if (colon == std::string::npos || colon == 0 || std::any_of(pair.begin(), pair.end(), is_control))
    return std::nullopt;
  return ClientPair{pair.substr(0, colon), pair.substr(colon + 1)};
}

}  // namespace fob::authority
