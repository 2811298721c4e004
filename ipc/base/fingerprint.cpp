#include "ipc/base/fingerprint.hpp"

#include <sodium.h>

#include <array>

namespace fob {

std::string fingerprint(std::string_view text) {
  constexpr std::size_t k_shown_bytes = 4;
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  std::array<char, 2 * k_shown_bytes + 1> hex{};
  sodium_bin2hex(hex.data(), hex.size(), hash.data(), k_shown_bytes);
  return hex.data();
}

}  // namespace fob
