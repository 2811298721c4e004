#include "ipc/base/sealed_file.hpp"

#include "tests/support/temp_directory.hpp"

#include <gtest/gtest.h>

#include <array>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace fob {
namespace {

TEST(SealedFile, GivesBackWhatWasPutIn) {
  const auto file = make_sealed_file("test", "some text");
  ASSERT_TRUE(file) << file.error().detail;
  EXPECT_EQ(*read_sealed_file(file->get(), 100), "some text");
  EXPECT_EQ(*read_sealed_file(file->get(), 100), "some text") << "once more, whatever the offset";
}

TEST(SealedFile, CannotBeChangedByAnyone) {
  const auto file = make_sealed_file("test", "some text");
  ASSERT_TRUE(file);
  EXPECT_EQ(::pwrite(file->get(), "x", 1, 0), -1);
  EXPECT_EQ(::ftruncate(file->get(), 0), -1);
  EXPECT_EQ(::mmap(nullptr, 9, PROT_READ | PROT_WRITE, MAP_SHARED, file->get(), 0), MAP_FAILED);
}

TEST(SealedFile, LargerThanTheLimitIsRefused) {
  const auto file = make_sealed_file("test", std::string(101, 'x'));
  ASSERT_TRUE(file);
  EXPECT_FALSE(read_sealed_file(file->get(), 100));
}

TEST(SealedFile, ThatIsNotSealedIsRefused) {
  const UniqueFd open(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::write(open.get(), "text", 4), 4);
  EXPECT_FALSE(read_sealed_file(open.get(), 100));
  ASSERT_EQ(::fcntl(open.get(), F_ADD_SEALS, F_SEAL_WRITE), 0);
  EXPECT_FALSE(read_sealed_file(open.get(), 100)) << "it can still shrink";
}

TEST(SealedFile, ThatIsNoMemoryFileIsRefused) {
  const test::TempDirectory directory;
  const UniqueFd on_disk(::open((directory.path() / "f").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  EXPECT_FALSE(read_sealed_file(on_disk.get(), 100));
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]), write_end(ends[1]);
  EXPECT_FALSE(read_sealed_file(read_end.get(), 100)) << "and nothing waits for one to speak";
}

}  // namespace
}  // namespace fob
