#include "ipc/base/secret_bytes.hpp"

#include <algorithm>

namespace fob {

SecretBytes::SecretBytes(std::size_t size) {
  if (size == 0) return;
  if (sodium_init() < 0) throw std::bad_alloc();
  bytes_ = static_cast<unsigned char*>(sodium_malloc(size));
  if (bytes_ == nullptr) throw std::bad_alloc();
  size_ = size;
  sodium_memzero(bytes_, size_);
}

SecretBytes SecretBytes::copy_of(std::string_view text) {
  SecretBytes secret(text.size());
  std::copy(text.begin(), text.end(), secret.bytes_);
  return secret;
}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(size_, other.size_);
  return *this;
}

SecretBytes::~SecretBytes() { sodium_free(bytes_); }

std::string_view SecretBytes::reveal() const { return {reinterpret_cast<const char*>(bytes_), size_}; }

bool operator==(const SecretBytes& a, const SecretBytes& b) {
  return a.size_ == b.size_ && (a.size_ == 0 || sodium_memcmp(a.bytes_, b.bytes_, a.size_) == 0);
}

}  // namespace fob
