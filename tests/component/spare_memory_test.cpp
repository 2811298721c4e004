#include "daemon/broker/spare_memory.hpp"

#include "ipc/base/spare_memory.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace fob::broker {
namespace {

// In kB, from /proc/self/status: RssFile is what is mapped of files, code above all.
long status(const std::string& name) {
  std::ifstream lines("/proc/self/status");
  for (std::string word; lines >> word;)
    if (word == name + ":") {
      long value = 0;
      lines >> value;
      return value;
    }
  return -1;
}

TEST(SpareMemory, LetsGoOfCodeThatComesBackWhenItIsRunAgain) {
  const long before = status("RssFile");
  give_back_memory();
  EXPECT_LT(status("RssFile"), before / 2) << before << " kB before";
  EXPECT_GT(status("RssFile"), 0) << "what runs is there";
}

TEST(SpareMemory, LetsGoOfNoByteThatWasWritten) {
  static std::string written = "at first";
  written = "a text that is long enough to lie on the heap";
  const auto on_heap = std::make_unique<std::vector<int>>(10000, 7);
  give_back_memory();
  EXPECT_EQ(written, "a text that is long enough to lie on the heap");
  EXPECT_EQ(*on_heap, std::vector<int>(10000, 7));
}

#ifndef FOB_SANITIZED  // which have a heap of their own
TEST(SpareMemory, GivesBackWhatACrowdHasFreed) {
  std::vector<std::unique_ptr<char[]>> crowd;
  for (int i = 0; i < 4000; ++i) {
    crowd.push_back(std::make_unique<char[]>(4096));
    crowd.back()[0] = 'x';
  }
  const auto last = std::make_unique<char[]>(64);  // keeps the heap from shrinking by itself
  crowd.clear();
  const long before = status("RssAnon");
  give_back_memory();
  EXPECT_LT(status("RssAnon"), before - 8000);
}
#endif

}  // namespace
}  // namespace fob::broker
