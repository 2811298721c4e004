// Memory for libcurl and OpenSSL, through whose buffers the credential passes on its way out: wiped whenever
// they free it, since neither does so for every copy it makes.
#pragma once

#include <cstddef>

namespace fob::exchanger {

/// malloc(3) and its kin, except that whatever is freed is zeroed first.
void* wiping_malloc(std::size_t size);
void* wiping_calloc(std::size_t count, std::size_t size);
void* wiping_realloc(void* old, std::size_t size);
char* wiping_strdup(const char* text);
void wiping_free(void* memory);

/// Makes OpenSSL use them. False if it has already allocated something and therefore refuses.
bool give_openssl_wiping_memory();

}  // namespace fob::exchanger
