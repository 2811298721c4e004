#include "daemon/exchanger/secret_memory.hpp"

#include <openssl/crypto.h>
#include <sodium.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <malloc.h>

namespace fob::exchanger {

void* wiping_malloc(std::size_t size) { return std::malloc(size); }

void* wiping_calloc(std::size_t count, std::size_t size) { return std::calloc(count, size); }

void wiping_free(void* memory) {
  if (memory == nullptr) return;
  sodium_memzero(memory, ::malloc_usable_size(memory));
  std::free(memory);
}

void* wiping_realloc(void* old, std::size_t size) {
  if (old == nullptr) return std::malloc(size);
  if (size == 0) {
    wiping_free(old);
    return nullptr;
  }
  if (size <= ::malloc_usable_size(old)) return old;
  // realloc(3) would free the old place unwiped.
  void* fresh = std::malloc(size);
  if (fresh == nullptr) return nullptr;
  std::memcpy(fresh, old, std::min(size, ::malloc_usable_size(old)));
  wiping_free(old);
  return fresh;
}

char* wiping_strdup(const char* text) { return ::strdup(text); }

bool give_openssl_wiping_memory() {
  return CRYPTO_set_mem_functions(
             [](std::size_t size, const char*, int) { return wiping_malloc(size); },
             [](void* old, std::size_t size, const char*, int) { return wiping_realloc(old, size); },
             [](void* memory, const char*, int) { wiping_free(memory); }) == 1;
}

}  // namespace fob::exchanger
