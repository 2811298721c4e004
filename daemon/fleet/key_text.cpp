#include "daemon/fleet/key_text.hpp"

#include <sodium.h>

namespace fob::fleet {
namespace {

constexpr int k_variant = sodium_base64_VARIANT_ORIGINAL;

}  // namespace

std::string to_base64(std::span<const unsigned char> bytes) {
  std::string text(sodium_base64_ENCODED_LEN(bytes.size(), k_variant), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), k_variant);
  text.pop_back();  // the NUL that the length counts
  return text;
}

bool from_base64(std::string_view text, std::span<unsigned char> bytes) {
  std::size_t size = 0;
  return text.size() + 1 == sodium_base64_ENCODED_LEN(bytes.size(), k_variant) &&
         sodium_base642bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &size, nullptr,
                           k_variant) == 0 &&
         size == bytes.size();
}

std::optional<PublicKey> public_key_from(std::string_view text) {
  PublicKey key{};
  if (!from_base64(text, key)) return std::nullopt;
  return key;
}

std::span<const unsigned char> octets(std::string_view text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

}  // namespace fob::fleet
