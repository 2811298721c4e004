// The file store below a device's store: what it leaves on the disk, and each way in which it refuses. The
// steps of enrolment and rotation, which it shares with the other stores, are store_conformance_test's.
#include "tests/support/store_fixture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iterator>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace fob::store {
namespace {

namespace fs = std::filesystem;
using wire::Slot;

using test::credential;

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const fs::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  ::chmod(path.c_str(), 0600);
}

class FileRecordsTest : public testing::Test, public test::StoreFixture {
 protected:
  DeviceStore store() override { return store_of_files(); }
  fs::path file(const std::string& profile) const { return state_ / "vault" / (profile + ".vault"); }
  fs::path key_file() const { return state_ / "keys" / "vault.key"; }
};

TEST_F(FileRecordsTest, ReadingMakesNoDirectories) {
  EXPECT_FALSE(store().load("prod", Slot::current));
  EXPECT_FALSE(store().commit("prod", 1, Proof::accepted));
  EXPECT_FALSE(store().remove("prod", Unread::keep));
  EXPECT_TRUE(store().list().value().slots.empty());
  EXPECT_FALSE(fs::exists(state_));
}

TEST_F(FileRecordsTest, MakesFilesAndDirectoriesForItsUserAlone) {
  enrol("prod", "id", "secret");
  const auto mode = [](const fs::path& path) {
    struct stat facts {};
    ::stat(path.c_str(), &facts);
    return facts.st_mode & 07777U;
  };
  EXPECT_EQ(mode(state_), 0700U);
  EXPECT_EQ(mode(state_ / "vault"), 0700U);
  EXPECT_EQ(mode(state_ / "keys"), 0700U);
  EXPECT_EQ(mode(file("prod")), 0600U);
  EXPECT_EQ(mode(key_file()), 0600U);
}

TEST_F(FileRecordsTest, NoFileHoldsTheCredentialInClear) {
  const std::string id = "0f8fad5b-d9cb-469f-a165-70867728950e";
  const std::string secret = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8";
  enrol("prod", id, secret);
  enrol("prod", id, secret);
  ASSERT_TRUE(store().stage("prod", credential(id, secret), {}));
  for (const auto& entry : fs::recursive_directory_iterator(directory_.path())) {
    if (!entry.is_regular_file()) continue;
    const auto content = read(entry.path());
    EXPECT_EQ(content.find(id), std::string::npos) << entry.path();
    EXPECT_EQ(content.find(secret.substr(0, 16)), std::string::npos) << entry.path();
  }
}

TEST_F(FileRecordsTest, TheSameCredentialNeverLooksTheSameTwice) {
  enrol("prod", "id", "secret");
  const auto before = read(file("prod"));
  ASSERT_TRUE(store().remove("prod", Unread::keep));
  enrol("prod", "id", "secret");
  EXPECT_NE(read(file("prod")), before);
}

TEST_F(FileRecordsTest, TheNextWriterRemovesWhatACrashLeft) {
  enrol("prod", "id", "secret");
  const auto leftover = state_ / "vault" / "prod.vault.tmp4711";
  write(leftover, "half a file");
  EXPECT_EQ(secret_in("prod", Slot::current), "secret");
  EXPECT_TRUE(fs::exists(leftover)) << "readers change nothing";
  ASSERT_TRUE(store().stage("prod", credential("id", "next"), {}));
  EXPECT_FALSE(fs::exists(leftover));
}

TEST_F(FileRecordsTest, AProfileThatIsCalledLikeALeftoverIsKept) {
  enrol("prod.vault.tmp1", "id", "secret");
  enrol("other", "id", "secret");
  EXPECT_EQ(secret_in("prod.vault.tmp1", Slot::current), "secret");
}

TEST_F(FileRecordsTest, AWriterKilledAtAnyMomentLeavesAWorkingCredential) {
  enrol("prod", "id", "0");
  for (int round = 0; round < 20; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (int i = 0; i < 10000; ++i) {
        const auto staged = store().stage("prod", credential("id", std::to_string(i)), {});
        if (staged) static_cast<void>(store().commit("prod", *staged, Proof::accepted));
      }
      ::_exit(0);
    }
    for (int i = 0; i < round; ++i) EXPECT_NE(version_in("prod", Slot::current), 0U);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ASSERT_NE(version_in("prod", Slot::current), 0U) << secret_in("prod", Slot::current);
  }
  ASSERT_TRUE(store().stage("prod", credential("id", "last"), {}));
  EXPECT_EQ(std::distance(fs::directory_iterator(state_ / "vault"), {}), 2) << "the record, and where it is";
}

TEST_F(FileRecordsTest, ConcurrentFirstEnrolmentsAgreeOnOneKeyAndLoseNoVersion) {
  constexpr int k_writers = 4, k_rounds = 8;
  std::vector<std::thread> writers;
  for (int w = 0; w < k_writers; ++w)
    writers.emplace_back([this, w] {
      for (int i = 0; i < k_rounds; ++i) {
        EXPECT_TRUE(store().stage("own" + std::to_string(w), credential("id", "secret"), {}));
        EXPECT_TRUE(store().stage("shared", credential("id", "secret"), {}));
      }
    });
  for (auto& writer : writers) writer.join();
  EXPECT_EQ(version_in("shared", Slot::next), std::uint64_t{k_writers * k_rounds});
  EXPECT_EQ(store().list().value().slots.size(), std::size_t{k_writers + 1});
}

// What somebody else did to the files.

TEST_F(FileRecordsTest, ADirectoryOpenToOthersIsRefusedWithTheMend) {
  enrol("prod", "id", "secret");
  const auto vault_directory = state_ / "vault";
  ::chmod(vault_directory.c_str(), 0755);
  expect_refusal("prod", ErrorCode::store_locked, "run: chmod 700 " + vault_directory.string());
  EXPECT_EQ(store().stage("prod", credential("id", "x"), {}).error().code, ErrorCode::store_locked);
}

TEST_F(FileRecordsTest, AFileOpenToOthersIsRefusedWithTheMend) {
  enrol("prod", "id", "secret");
  ::chmod(file("prod").c_str(), 0640);
  expect_refusal("prod", ErrorCode::store_locked, "run: chmod 600 " + file("prod").string());
}

TEST_F(FileRecordsTest, AKeyOpenToOthersIsRefusedWithTheMend) {
  enrol("prod", "id", "secret");
  ::chmod(key_file().c_str(), 0604);
  expect_refusal("prod", ErrorCode::store_locked, "run: chmod 600 " + key_file().string());
  ::chmod(key_file().c_str(), 0600);
  ::chmod(key_file().parent_path().c_str(), 0750);
  expect_refusal("prod", ErrorCode::store_locked, "run: chmod 700 " + key_file().parent_path().string());
}

TEST_F(FileRecordsTest, AnotherUsersFileIsRefusedWithTheMend) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  enrol("prod", "id", "secret");
  ASSERT_EQ(::chown(file("prod").c_str(), 12345, 12345), 0);
  expect_refusal("prod", ErrorCode::store_locked, "belongs to user 12345");
  expect_refusal("prod", ErrorCode::store_locked, "run: chown 0 " + file("prod").string());
}

TEST_F(FileRecordsTest, ASymbolicLinkIsNotFollowed) {
  enrol("prod", "id", "secret");
  fs::rename(file("prod"), directory_.path() / "elsewhere");
  fs::create_symlink(directory_.path() / "elsewhere", file("prod"));
  expect_refusal("prod", ErrorCode::store_locked, "is a symbolic link");
  fs::rename(state_ / "vault", directory_.path() / "moved");
  fs::create_directory_symlink(directory_.path() / "moved", state_ / "vault");
  expect_refusal("prod", ErrorCode::store_locked, "is a symbolic link");
}

TEST_F(FileRecordsTest, AFifoInPlaceOfAFileIsRefusedWithoutWaiting) {
  enrol("prod", "id", "secret");
  fs::remove(file("prod"));
  ASSERT_EQ(::mkfifo(file("prod").c_str(), 0600), 0);
  expect_refusal("prod", ErrorCode::store_locked, "is not a regular file");
}

TEST_F(FileRecordsTest, SwappedFilesOfTwoProfilesAreRefused) {
  enrol("prod", "id", "secret");
  enrol("staging", "id", "other");
  fs::copy_file(file("staging"), file("prod"), fs::copy_options::overwrite_existing);
  expect_refusal("prod", ErrorCode::store_damaged, "it was written for profile \"staging\"");
  expect_refusal("prod", ErrorCode::store_damaged, "fob credential add prod");
}

TEST_F(FileRecordsTest, AFileFromAnotherDeviceIsRefused) {
  enrol("prod", "id", "secret");
  const auto foreign = read(file("prod"));
  fs::remove_all(state_);
  enrol("prod", "id", "ours");
  write(file("prod"), foreign);
  expect_refusal("prod", ErrorCode::store_damaged, "sealed with another key");
}

TEST_F(FileRecordsTest, DamageAnywhereInTheFileIsNoticed) {
  enrol("prod", "id", "secret");
  const auto whole = read(file("prod"));
  for (std::size_t i = 0; i + 1 < whole.size(); i += 3) {
    auto damaged = whole;
    damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
    write(file("prod"), damaged);
    EXPECT_EQ(store().load("prod", Slot::current).has_value(), false) << i;
  }
  for (const auto& content : {std::string(), whole.substr(0, whole.size() / 2), std::string(70000, '{')}) {
    write(file("prod"), content);
    expect_refusal("prod", ErrorCode::store_damaged, file("prod").string());
  }
}

TEST_F(FileRecordsTest, ADamagedFileIsNotOverwrittenButCanBeRemoved) {
  enrol("prod", "id", "secret");
  write(file("prod"), "{}");
  EXPECT_EQ(store().stage("prod", credential("id", "new"), {}).error().code, ErrorCode::store_damaged);
  EXPECT_EQ(read(file("prod")), "{}");
  ASSERT_TRUE(store().remove("prod", Unread::keep));
  enrol("prod", "id", "new");
  EXPECT_EQ(secret_in("prod", Slot::current), "new");
}

TEST_F(FileRecordsTest, ADamagedFileHidesNoOtherProfile) {
  for (const std::string profile : {"a", "b", "c"}) enrol(profile, "id", "secret");
  write(file("b"), "{}");
  const auto listing = store().list();
  ASSERT_TRUE(listing);
  ASSERT_EQ(listing->slots.size(), 2U);
  EXPECT_EQ(listing->slots[0].profile, "a");
  EXPECT_EQ(listing->slots[1].profile, "c");
  ASSERT_EQ(listing->unreadable.size(), 1U);
  EXPECT_EQ(listing->unreadable[0].code, ErrorCode::store_damaged);
  EXPECT_NE(listing->unreadable[0].detail.find(file("b").string()), std::string::npos);

  fs::remove(key_file());
  const auto keyless = store().list();
  EXPECT_TRUE(keyless->slots.empty());
  EXPECT_EQ(keyless->unreadable.size(), 1U) << "the missing key is said once";
}

TEST_F(FileRecordsTest, AVaultWhoseKeyIsGoneGetsNoNewKey) {
  enrol("prod", "id", "secret");
  const auto key = read(key_file());
  fs::remove(key_file());
  expect_refusal("prod", ErrorCode::store_locked, key_file().string() + " is gone");
  EXPECT_EQ(store().stage("prod", credential("id", "x"), {}).error().code, ErrorCode::store_locked);
  EXPECT_EQ(store().stage("other", credential("id", "x"), {}).error().code, ErrorCode::store_locked);
  EXPECT_FALSE(fs::exists(key_file()));
  write(key_file(), key);
  EXPECT_EQ(secret_in("prod", Slot::current), "secret");
}

TEST_F(FileRecordsTest, WhatOnlyCannotBeReadNowIsNotRemovedUnlessForced) {
  enrol("prod", "id", "secret");
  ::chmod(key_file().c_str(), 0644);
  const auto refused = store().remove("prod", Unread::keep);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::store_locked);
  EXPECT_NE(refused.error().detail.find("fob credential remove prod --force"), std::string::npos);
  ASSERT_TRUE(store().remove("prod", Unread::forget));
  ::chmod(key_file().c_str(), 0600);
  EXPECT_EQ(store().stage("prod", credential("id", "new"), {}).value(), 2U)
      << "versions are never used again";
}

TEST_F(FileRecordsTest, AFailedWriteChangesNothing) {
  enrol("prod", "id", "secret");
  const auto before = read(file("prod"));
  const rlimit saved = [] {
    rlimit l{};
    ::getrlimit(RLIMIT_FSIZE, &l);
    return l;
  }();
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit tiny{16, saved.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &tiny);
  const auto staged = store().stage("prod", credential("id", "new"), {});
  ::setrlimit(RLIMIT_FSIZE, &saved);
  ASSERT_FALSE(staged);
  EXPECT_EQ(staged.error().code, ErrorCode::store);
  EXPECT_EQ(read(file("prod")), before);
  EXPECT_EQ(std::distance(fs::directory_iterator(state_ / "vault"), {}), 2) << "the record, and where it is";
}

}  // namespace
}  // namespace fob::store
