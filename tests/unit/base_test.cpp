#include "ipc/base/clock.hpp"
#include "ipc/base/error.hpp"
#include "ipc/base/file.hpp"
#include "ipc/base/fingerprint.hpp"
#include "ipc/base/random.hpp"
#include "ipc/base/secret_bytes.hpp"
#include "tests/support/temp_directory.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <fstream>
#include <set>
#include <sys/stat.h>
#include <type_traits>

namespace fob {
namespace {

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

mode_t mode_of(const std::filesystem::path& path) {
  struct stat facts {};
  ::stat(path.c_str(), &facts);
  return facts.st_mode & 07777;
}

TEST(ErrorTable, EveryExchangeKindIsKnownAndComesBack) {
  const std::set<std::string> kinds = {"no-credential", "rejected",     "forbidden", "rate-limited",
                                       "unreachable",   "timeout",      "tls",       "clock-wrong",
                                       "bad-answer",    "store-locked", "config"};
  for (const auto& kind : kinds) {
    const auto code = code_of_kind(kind);
    ASSERT_TRUE(code) << kind;
    EXPECT_EQ(traits(*code).kind, kind);
  }
  EXPECT_FALSE(code_of_kind(""));
  EXPECT_FALSE(code_of_kind("no-such-kind"));
}

TEST(ErrorTable, TheContractsUrnsHaveTheContractsStatus) {
  const std::pair<const char*, int> expected[] = {
      {"urn:fob:not-granted", 403},           {"urn:fob:unknown-profile", 404},
      {"urn:fob:bad-request", 400},           {"urn:fob:not-found", 404},
      {"urn:fob:method-not-allowed", 405},    {"urn:fob:too-many-requests", 429},
      {"urn:fob:no-credential", 503},         {"urn:fob:credential-rejected", 503},
      {"urn:fob:authority-unreachable", 503}, {"urn:fob:authority-error", 503},
      {"urn:fob:clock-wrong", 503},
  };
  for (const auto& [urn, status] : expected) {
    const auto code = code_of_urn(urn);
    ASSERT_TRUE(code) << urn;
    EXPECT_EQ(traits(*code).http_status, status) << urn;
  }
  // What went wrong inside of fobd is not that it does not run.
  EXPECT_EQ(traits(*code_of_urn("urn:fob:internal")).exit_status, 1);
  EXPECT_EQ(traits(ErrorCode::body_too_large).http_status, 413);
  EXPECT_EQ(traits(ErrorCode::head_too_large).http_status, 431);
}

TEST(SecretBytes, CannotBeCopiedOrPrinted) {
  static_assert(!std::is_copy_constructible_v<SecretBytes> && !std::is_copy_assignable_v<SecretBytes>);
  static_assert(!std::is_convertible_v<SecretBytes, std::string> &&
                !std::is_convertible_v<SecretBytes, std::string_view>);
}

TEST(SecretBytes, KeepsItsContentThroughAMove) {
  SecretBytes a = SecretBytes::copy_of("hunter2");
  SecretBytes b = std::move(a);
  EXPECT_EQ(b.reveal(), "hunter2");
  a = std::move(b);
  EXPECT_EQ(a.reveal(), "hunter2");
}

TEST(SecretBytes, ComparesByContent) {
  EXPECT_TRUE(SecretBytes::copy_of("same") == SecretBytes::copy_of("same"));
  EXPECT_FALSE(SecretBytes::copy_of("same") == SecretBytes::copy_of("sane"));
  EXPECT_FALSE(SecretBytes::copy_of("same") == SecretBytes::copy_of("same!"));
  EXPECT_TRUE(SecretBytes() == SecretBytes::copy_of(""));
}

// /proc/self/smaps says of each mapping whether it is locked (lo) and left out of core files (dd).
TEST(SecretBytes, LivesInLockedMemoryThatNoCoreFileHolds) {
#ifdef FOB_SANITIZED
  GTEST_SKIP() << "sanitizers make mlock(2) do nothing";
#endif
  const SecretBytes secret = SecretBytes::copy_of("a secret to look for");
  const auto address = reinterpret_cast<std::uintptr_t>(secret.bytes().data());
  std::ifstream smaps("/proc/self/smaps");
  bool inside = false;
  std::string flags;
  for (std::string line; std::getline(smaps, line);) {
    unsigned long from = 0, to = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &from, &to) == 2 && line.find(':') > line.find('-'))
      inside = from <= address && address < to;
    if (inside && line.starts_with("VmFlags:")) flags = line;
  }
  EXPECT_NE(flags.find(" lo"), std::string::npos) << flags;
  EXPECT_NE(flags.find(" dd"), std::string::npos) << flags;
}

TEST(Fingerprint, IsTheFirstEightHexDigitsOfSha256) { EXPECT_EQ(fingerprint("abc"), "ba7816bf"); }

TEST(Random, DrawsFromZeroUpToOne) {
  SystemRandom random;
  for (int i = 0; i < 1000; ++i) {
    const double draw = random.unit();
    EXPECT_GE(draw, 0.0);
    EXPECT_LT(draw, 1.0);
  }
}

TEST(Clock, WritesRfc3339InUtc) {
  using namespace std::chrono;
  EXPECT_EQ(to_rfc3339(sys_days{year{2026} / 2 / 28} + hours(23) + minutes(59) + seconds(58)),
            "2026-02-28T23:59:58Z");
  EXPECT_EQ(to_rfc3339(sys_days{year{1970} / 1 / 1}), "1970-01-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339(WallTime::max()), "9999-12-31T23:59:59Z");
}

TEST(Clock, BootTimeMovesOn) {
  const SystemClock clock;
  const BootTime before = clock.boot_now();
  EXPECT_GT(before.time_since_epoch().count(), 0);
  EXPECT_GE(clock.boot_now(), before);
}

TEST(ReplaceFile, WritesTheWholeWithTheModeAsked) {
  const test::TempDirectory directory;
  const auto path = directory.path() / "file";
  ASSERT_TRUE(replace_file(path, "one", 0600, ErrorCode::store));
  ASSERT_TRUE(replace_file(path, "two", 0640, ErrorCode::store));
  EXPECT_EQ(content_of(path), "two");
  EXPECT_EQ(mode_of(path), 0640);
}

TEST(ReplaceFile, LeavesTheOldFileAndNoLitterWhereItFails) {
  const test::TempDirectory directory;
  const auto path = directory.path() / "taken";
  std::filesystem::create_directory(path);
  const auto replaced = replace_file(path, "x", 0600, ErrorCode::store);
  ASSERT_FALSE(replaced);
  EXPECT_EQ(replaced.error().code, ErrorCode::store);
  EXPECT_NE(replaced.error().detail.find(path.string()), std::string::npos);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory.path()), {}), 1);
}

TEST(ReadFile, RefusesMoreThanItsBound) {
  const test::TempDirectory directory;
  const auto path = directory.path() / "file";
  ASSERT_TRUE(replace_file(path, std::string(100, 'x'), 0600, ErrorCode::store));
  EXPECT_TRUE(read_file(path, 100, ErrorCode::config));
  const auto read = read_file(path, 99, ErrorCode::config);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::config);
}

TEST(ReadFile, NamesTheFileThatIsNotThere) {
  const auto read = read_file("/nonexistent/fob", 10, ErrorCode::config);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().detail, "/nonexistent/fob: No such file or directory");
}

TEST(ReadFile, DoesNotWaitOnAFifo) {
  const test::TempDirectory directory;
  const auto path = directory.path() / "fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_FALSE(read_file(path, 10, ErrorCode::config));
}

TEST(ReadTrustedFile, RefusesWhatOthersCouldHaveWritten) {
  const test::TempDirectory directory;
  const auto path = directory.path() / "file";
  ASSERT_TRUE(replace_file(path, "trusted", 0644, ErrorCode::internal));
  EXPECT_EQ(read_trusted_file(path, 10, ErrorCode::config).value(), "trusted");
  ::chmod(path.c_str(), 0646);
  const auto read = read_trusted_file(path, 10, ErrorCode::config);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().detail.find("run: chmod go-w " + path.string()), std::string::npos);
  ::chmod(path.c_str(), 0644);
  if (::geteuid() != 0) return;
  ASSERT_EQ(::chown(path.c_str(), 12345, 0), 0);
  EXPECT_NE(
      read_trusted_file(path, 10, ErrorCode::config).error().detail.find("run: chown root " + path.string()),
      std::string::npos);
}

TEST(MakeDirectory, IsNotContentWithAFile) {
  const test::TempDirectory directory;
  const auto path = directory.path() / "file";
  ASSERT_TRUE(replace_file(path, "", 0600, ErrorCode::store));
  EXPECT_FALSE(make_directory(path, 0700, ErrorCode::store));
  EXPECT_FALSE(make_directory(path / "below", 0700, ErrorCode::store));
}

TEST(MakeDirectory, MakesWhatIsMissingAbove) {
  const test::TempDirectory directory;
  const auto path = directory.path() / "a" / "b";
  ASSERT_TRUE(make_directory(path, 0700, ErrorCode::store));
  EXPECT_EQ(mode_of(path), 0700);
  EXPECT_TRUE(make_directory(path, 0700, ErrorCode::store));
}

}  // namespace
}  // namespace fob
