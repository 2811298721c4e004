// Where secrets live. SecretBytes owns locked, guarded, wiped memory (libsodium's sodium_malloc: mlock, guard
// pages, MADV_DONTDUMP, zeroed on release). WipingAllocator is for library types that must touch a secret on
// its way there: it wipes what it frees, so that a parsed document leaves nothing behind on the heap.
#pragma once

#include <nlohmann/json.hpp>
#include <sodium.h>

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fob {

/// A secret. Move-only; cannot be printed, formatted or compared except in constant time.
class SecretBytes {
 public:
  SecretBytes() = default;
  /// A zeroed secret of `size` bytes, to be filled through bytes(). Throws std::bad_alloc.
  explicit SecretBytes(std::size_t size);
  /// A copy of `text`; wiping the original is the caller's duty.
  static SecretBytes copy_of(std::string_view text);

  SecretBytes(SecretBytes&& other) noexcept
      : bytes_(std::exchange(other.bytes_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  ~SecretBytes();

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::span<unsigned char> bytes() { return {bytes_, size_}; }
  std::span<const unsigned char> bytes() const { return {bytes_, size_}; }
  /// The secret as text, for the one call that must have it. The view dies with the secret.
  std::string_view reveal() const;

  /// Constant time in the content; the sizes are no secret.
  friend bool operator==(const SecretBytes& a, const SecretBytes& b);

 private:
  unsigned char* bytes_ = nullptr;
  std::size_t size_ = 0;
};

template <class T>
struct WipingAllocator {
  using value_type = T;
  WipingAllocator() = default;
  template <class U>
  WipingAllocator(const WipingAllocator<U>&) {}  // NOLINT(google-explicit-constructor): allocators convert

  T* allocate(std::size_t n) { return std::allocator<T>().allocate(n); }
  void deallocate(T* p, std::size_t n) {
    sodium_memzero(p, n * sizeof(T));
    std::allocator<T>().deallocate(p, n);
  }
  template <class U>
  bool operator==(const WipingAllocator<U>&) const {
    return true;
  }
};

/// A string that wipes its heap memory. Short strings live inside the object, so reserve() first or keep it
/// brief.
using WipingString = std::basic_string<char, std::char_traits<char>, WipingAllocator<char>>;

/// A copy outside of the string object itself, where it will be wiped: a short string would live inside.
inline WipingString on_heap(std::string_view text) {
  WipingString copy;
  copy.reserve(std::max(text.size(), std::size_t{64}));
  copy.assign(text);
  return copy;
}

/// JSON whose every allocation is wiped: for documents that hold a secret.
using WipingJson =
    nlohmann::basic_json<std::map, std::vector, WipingString, bool, std::int64_t, std::uint64_t, double,
                         WipingAllocator, nlohmann::adl_serializer, std::vector<std::uint8_t>>;

}  // namespace fob
