// The allocator that libcurl and OpenSSL are given.
#include "daemon/exchanger/secret_memory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace fob::exchanger {
namespace {

TEST(SecretMemory, GrowsAndShrinksWithItsContent) {
  auto* memory = static_cast<char*>(wiping_malloc(8));
  std::memcpy(memory, "12345678", 8);
  memory = static_cast<char*>(wiping_realloc(memory, 100'000));
  EXPECT_EQ(std::string(memory, 8), "12345678");
  memory = static_cast<char*>(wiping_realloc(memory, 4));
  EXPECT_EQ(std::string(memory, 4), "1234");
  wiping_free(memory);
}

TEST(SecretMemory, DoesAsMallocAndItsKinDoAtTheEdges) {
  wiping_free(nullptr);
  void* fresh = wiping_realloc(nullptr, 16);
  ASSERT_NE(fresh, nullptr);
  EXPECT_EQ(wiping_realloc(fresh, 0), nullptr);
  auto* zeroed = static_cast<char*>(wiping_calloc(4, 8));
  EXPECT_TRUE(std::all_of(zeroed, zeroed + 32, [](char c) { return c == 0; }));
  wiping_free(zeroed);
  char* copy = wiping_strdup("text");
  EXPECT_STREQ(copy, "text");
  wiping_free(copy);
}

}  // namespace
}  // namespace fob::exchanger
