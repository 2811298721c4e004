// The file store through its face: the steps of enrolment and rotation, and each way in which it refuses.
#include "daemon/store/file_vault.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/temp_directory.hpp"

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

Credential credential(const std::string& id, std::string_view secret) {
  return {id, SecretBytes::copy_of(secret)};
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const fs::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  ::chmod(path.c_str(), 0600);
}

class FileVaultTest : public testing::Test {
 protected:
  FileVault vault() {
    return {state_, find_vault_key({}, state_, [](const char*) { return std::nullopt; }), clock_};
  }
  fs::path file(const std::string& profile) const { return state_ / "vault" / (profile + ".vault"); }
  fs::path key_file() const { return state_ / "keys" / "vault.key"; }
  void enrol(const std::string& profile, const std::string& id, std::string_view secret) {
    const auto version = vault().stage(profile, credential(id, secret));
    ASSERT_TRUE(version);
    ASSERT_TRUE(vault().commit(profile, *version));
  }
  std::string secret_in(const std::string& profile, Slot slot) {
    const auto loaded = vault().load(profile, slot);
    return loaded ? std::string(loaded->credential.secret.reveal()) : loaded.error().detail;
  }
  std::uint64_t version_in(const std::string& profile, Slot slot) {
    const auto loaded = vault().load(profile, slot);
    return loaded ? loaded->version : 0;
  }
  void expect_refusal(const std::string& profile, ErrorCode code, const std::string& words) {
    const auto loaded = vault().load(profile, Slot::current);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, code);
    EXPECT_NE(loaded.error().detail.find(words), std::string::npos) << loaded.error().detail;
  }

  test::TempDirectory directory_;
  fs::path state_ = directory_.path() / "state";
  test::ManualClock clock_;
};

TEST_F(FileVaultTest, GivesBackWhatWasStagedAndCommitted) {
  enrol("prod", "some-id", "some-secret");
  const auto loaded = vault().load("prod", Slot::current);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->credential.client_id, "some-id");
  EXPECT_EQ(loaded->credential.secret, SecretBytes::copy_of("some-secret"));
  EXPECT_EQ(loaded->version, 1U);
}

TEST_F(FileVaultTest, KeepsBytesThatAreNoText) {
  const std::string secret("\0\xff\n\x80 end", 8);
  enrol("prod", std::string("\xc3\x28\0id", 5), secret);
  EXPECT_EQ(secret_in("prod", Slot::current), secret);
  EXPECT_EQ(vault().load("prod", Slot::current)->credential.client_id, std::string("\xc3\x28\0id", 5));
}

TEST_F(FileVaultTest, AStagedCredentialIsNotYetCurrent) {
  enrol("prod", "id", "old");
  ASSERT_TRUE(vault().stage("prod", credential("id", "new")));
  EXPECT_EQ(secret_in("prod", Slot::current), "old");
  EXPECT_EQ(secret_in("prod", Slot::next), "new");
}

TEST_F(FileVaultTest, CommitMovesNextToCurrentAndCurrentToPrevious) {
  enrol("prod", "id", "first");
  enrol("prod", "id", "second");
  EXPECT_EQ(secret_in("prod", Slot::current), "second");
  EXPECT_EQ(secret_in("prod", Slot::previous), "first");
  EXPECT_FALSE(vault().load("prod", Slot::next));
}

TEST_F(FileVaultTest, RollBackSwapsCurrentAndPreviousAndCanBeUndone) {
  enrol("prod", "id", "first");
  enrol("prod", "id", "second");
  ASSERT_TRUE(vault().roll_back("prod"));
  EXPECT_EQ(secret_in("prod", Slot::current), "first");
  EXPECT_EQ(secret_in("prod", Slot::previous), "second");
  EXPECT_EQ(version_in("prod", Slot::current), 1U);
  ASSERT_TRUE(vault().roll_back("prod"));
  EXPECT_EQ(secret_in("prod", Slot::current), "second");
}

TEST_F(FileVaultTest, RollBackLeavesWhatIsStaged) {
  enrol("prod", "id", "first");
  enrol("prod", "id", "second");
  ASSERT_TRUE(vault().stage("prod", credential("id", "third")));
  ASSERT_TRUE(vault().roll_back("prod"));
  EXPECT_EQ(secret_in("prod", Slot::next), "third");
}

TEST_F(FileVaultTest, DiscardForgetsOnlyWhatIsStaged) {
  enrol("prod", "id", "first");
  ASSERT_TRUE(vault().stage("prod", credential("id", "second")));
  EXPECT_TRUE(vault().discard_staged("prod", 2).value());
  EXPECT_FALSE(vault().load("prod", Slot::next));
  EXPECT_EQ(secret_in("prod", Slot::current), "first");
  EXPECT_FALSE(vault().discard_staged("prod", 2).value());
  EXPECT_FALSE(vault().discard_staged("never-seen", 1).value());
}

TEST_F(FileVaultTest, OneRotationNeitherCommitsNorDiscardsWhatAnotherStaged) {
  enrol("prod", "id", "first");
  const auto ours = vault().stage("prod", credential("id", "ours")).value();
  const auto theirs = vault().stage("prod", credential("id", "theirs")).value();
  const auto expect_another = [&] {
    const auto committed = vault().commit("prod", ours);
    ASSERT_FALSE(committed);
    EXPECT_EQ(committed.error().code, ErrorCode::store);
    EXPECT_EQ(committed.error().detail,
              "another rotation of prod is under way; nothing was changed, try again");
  };
  expect_another();
  EXPECT_FALSE(vault().discard_staged("prod", ours).value());
  EXPECT_EQ(secret_in("prod", Slot::current), "first");
  EXPECT_EQ(secret_in("prod", Slot::next), "theirs");

  ASSERT_TRUE(vault().commit("prod", theirs));
  expect_another();
  EXPECT_EQ(secret_in("prod", Slot::current), "theirs");
  EXPECT_EQ(secret_in("prod", Slot::previous), "first");
}

TEST_F(FileVaultTest, VersionsGrowAndAreNeverUsedAgain) {
  EXPECT_EQ(vault().stage("prod", credential("id", "a")).value(), 1U);
  EXPECT_EQ(vault().stage("prod", credential("id", "b")).value(), 2U);
  ASSERT_TRUE(vault().discard_staged("prod", 2));
  EXPECT_EQ(vault().stage("prod", credential("id", "c")).value(), 3U);
  ASSERT_TRUE(vault().commit("prod", 3));
  EXPECT_EQ(version_in("prod", Slot::current), 3U);
  ASSERT_TRUE(vault().remove("prod"));
  EXPECT_EQ(vault().stage("prod", credential("id", "d")).value(), 4U);
  EXPECT_EQ(vault().stage("other", credential("id", "e")).value(), 1U);
}

TEST_F(FileVaultTest, RemoveForgetsEverySlotOnce) {
  enrol("prod", "id", "first");
  enrol("prod", "id", "second");
  enrol("other", "id", "kept");
  ASSERT_TRUE(vault().remove("prod"));
  for (const Slot slot : {Slot::current, Slot::next, Slot::previous})
    EXPECT_EQ(vault().load("prod", slot).error().code, ErrorCode::no_credential);
  EXPECT_EQ(vault().remove("prod").error().code, ErrorCode::no_credential);
  EXPECT_EQ(secret_in("other", Slot::current), "kept");
}

TEST_F(FileVaultTest, AnEmptySlotSaysHowToEnrol) {
  expect_refusal("prod", ErrorCode::no_credential, "run: fob credential add prod");
  enrol("other", "id", "secret");
  expect_refusal("prod", ErrorCode::no_credential, "run: fob credential add prod");
  EXPECT_EQ(vault().commit("prod", 1).error().code, ErrorCode::store);
  EXPECT_EQ(vault().commit("other", 1).error().code, ErrorCode::store);
  EXPECT_EQ(vault().roll_back("other").error().code, ErrorCode::no_credential);
}

TEST_F(FileVaultTest, ReadingMakesNoDirectories) {
  EXPECT_FALSE(vault().load("prod", Slot::current));
  EXPECT_FALSE(vault().commit("prod", 1));
  EXPECT_FALSE(vault().remove("prod"));
  EXPECT_TRUE(vault().list().value().slots.empty());
  EXPECT_FALSE(fs::exists(state_));
}

TEST_F(FileVaultTest, ListsEverySlotByProfileAndSlotWithoutTheClientId) {
  enrol("b", "id-b", "one");
  clock_.advance(std::chrono::hours(1));
  enrol("b", "id-b2", "two");
  ASSERT_TRUE(vault().stage("a", credential("id-a", "three")));
  const auto listing = vault().list();
  ASSERT_TRUE(listing);
  EXPECT_TRUE(listing->unreadable.empty());
  const auto& all = listing->slots;
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].profile, "a");
  EXPECT_EQ(all[0].slot, Slot::next);
  EXPECT_EQ(all[1].profile, "b");
  EXPECT_EQ(all[1].slot, Slot::current);
  EXPECT_EQ(all[1].version, 2U);
  EXPECT_EQ(all[1].stored_at, clock_.wall_now());
  EXPECT_EQ(all[2].slot, Slot::previous);
  EXPECT_EQ(all[2].stored_at, clock_.wall_now() - std::chrono::hours(1));
  EXPECT_EQ(all[2].client_id_fingerprint.size(), 8U);
  EXPECT_NE(all[1].client_id_fingerprint, all[2].client_id_fingerprint);
}

TEST_F(FileVaultTest, MakesFilesAndDirectoriesForItsUserAlone) {
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

TEST_F(FileVaultTest, NoFileHoldsTheCredentialInClear) {
  const std::string id = "0f8fad5b-d9cb-469f-a165-70867728950e";
  const std::string secret = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8";
  enrol("prod", id, secret);
  enrol("prod", id, secret);
  ASSERT_TRUE(vault().stage("prod", credential(id, secret)));
  for (const auto& entry : fs::recursive_directory_iterator(directory_.path())) {
    if (!entry.is_regular_file()) continue;
    const auto content = read(entry.path());
    EXPECT_EQ(content.find(id), std::string::npos) << entry.path();
    EXPECT_EQ(content.find(secret.substr(0, 16)), std::string::npos) << entry.path();
  }
}

TEST_F(FileVaultTest, TheSameCredentialNeverLooksTheSameTwice) {
  enrol("prod", "id", "secret");
  const auto before = read(file("prod"));
  ASSERT_TRUE(vault().remove("prod"));
  enrol("prod", "id", "secret");
  EXPECT_NE(read(file("prod")), before);
}

TEST_F(FileVaultTest, RefusesAnEmptyOrEndlessCredential) {
  EXPECT_EQ(vault().stage("prod", credential("", "secret")).error().code, ErrorCode::store);
  EXPECT_EQ(vault().stage("prod", credential("id", "")).error().code, ErrorCode::store);
  EXPECT_EQ(vault().stage("prod", credential("id", std::string(9000, 's'))).error().code, ErrorCode::store);
}

TEST_F(FileVaultTest, ThreeOfTheLongestCredentialsFitIntoTheFile) {
  const std::string longest(k_max_credential - 2, 's');
  enrol("prod", "id", longest);
  enrol("prod", "id", longest);
  ASSERT_TRUE(vault().stage("prod", credential("id", longest)));
  EXPECT_EQ(secret_in("prod", Slot::previous), longest);
}

TEST_F(FileVaultTest, ANameThatIsNoProfileNameLeadsNowhere) {
  for (const std::string name : {"", "../prod", "a/b", ".hidden", "a b"}) {
    EXPECT_FALSE(vault().stage(name, credential("id", "secret"))) << name;
    EXPECT_FALSE(vault().load(name, Slot::current)) << name;
    EXPECT_FALSE(vault().remove(name)) << name;
  }
  EXPECT_FALSE(fs::exists(directory_.path() / "prod.vault"));
}

// What a crash and what other writers leave.

TEST_F(FileVaultTest, TheNextWriterRemovesWhatACrashLeft) {
  enrol("prod", "id", "secret");
  const auto leftover = state_ / "vault" / "prod.vault.tmp4711";
  write(leftover, "half a file");
  EXPECT_EQ(secret_in("prod", Slot::current), "secret");
  EXPECT_TRUE(fs::exists(leftover)) << "readers change nothing";
  ASSERT_TRUE(vault().stage("prod", credential("id", "next")));
  EXPECT_FALSE(fs::exists(leftover));
}

TEST_F(FileVaultTest, AProfileThatIsCalledLikeALeftoverIsKept) {
  enrol("prod.vault.tmp1", "id", "secret");
  enrol("other", "id", "secret");
  EXPECT_EQ(secret_in("prod.vault.tmp1", Slot::current), "secret");
}

TEST_F(FileVaultTest, AWriterKilledAtAnyMomentLeavesAWorkingCredential) {
  enrol("prod", "id", "0");
  for (int round = 0; round < 20; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (int i = 0; i < 10000; ++i) {
        const auto staged = vault().stage("prod", credential("id", std::to_string(i)));
        if (staged) static_cast<void>(vault().commit("prod", *staged));
      }
      ::_exit(0);
    }
    for (int i = 0; i < round; ++i) EXPECT_NE(version_in("prod", Slot::current), 0U);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ASSERT_NE(version_in("prod", Slot::current), 0U) << secret_in("prod", Slot::current);
  }
  ASSERT_TRUE(vault().stage("prod", credential("id", "last")));
  EXPECT_EQ(std::distance(fs::directory_iterator(state_ / "vault"), {}), 1);
}

TEST_F(FileVaultTest, ConcurrentFirstEnrolmentsAgreeOnOneKeyAndLoseNoVersion) {
  constexpr int k_writers = 4, k_rounds = 8;
  std::vector<std::thread> writers;
  for (int w = 0; w < k_writers; ++w)
    writers.emplace_back([this, w] {
      for (int i = 0; i < k_rounds; ++i) {
        EXPECT_TRUE(vault().stage("own" + std::to_string(w), credential("id", "secret")));
        EXPECT_TRUE(vault().stage("shared", credential("id", "secret")));
      }
    });
  for (auto& writer : writers) writer.join();
  EXPECT_EQ(version_in("shared", Slot::next), std::uint64_t{k_writers * k_rounds});
  EXPECT_EQ(vault().list().value().slots.size(), std::size_t{k_writers + 1});
}

// What somebody else did to the files.

TEST_F(FileVaultTest, ADirectoryOpenToOthersIsRefusedWithTheMend) {
  enrol("prod", "id", "secret");
  const auto vault_directory = state_ / "vault";
  ::chmod(vault_directory.c_str(), 0755);
  expect_refusal("prod", ErrorCode::store_locked, "run: chmod 700 " + vault_directory.string());
  EXPECT_EQ(vault().stage("prod", credential("id", "x")).error().code, ErrorCode::store_locked);
}

TEST_F(FileVaultTest, AFileOpenToOthersIsRefusedWithTheMend) {
  enrol("prod", "id", "secret");
  ::chmod(file("prod").c_str(), 0640);
  expect_refusal("prod", ErrorCode::store_locked, "run: chmod 600 " + file("prod").string());
}

TEST_F(FileVaultTest, AKeyOpenToOthersIsRefusedWithTheMend) {
  enrol("prod", "id", "secret");
  ::chmod(key_file().c_str(), 0604);
  expect_refusal("prod", ErrorCode::store_locked, "run: chmod 600 " + key_file().string());
  ::chmod(key_file().c_str(), 0600);
  ::chmod(key_file().parent_path().c_str(), 0750);
  expect_refusal("prod", ErrorCode::store_locked, "run: chmod 700 " + key_file().parent_path().string());
}

TEST_F(FileVaultTest, AnotherUsersFileIsRefusedWithTheMend) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  enrol("prod", "id", "secret");
  ASSERT_EQ(::chown(file("prod").c_str(), 12345, 12345), 0);
  expect_refusal("prod", ErrorCode::store_locked, "belongs to user 12345");
  expect_refusal("prod", ErrorCode::store_locked, "run: chown 0 " + file("prod").string());
}

TEST_F(FileVaultTest, ASymbolicLinkIsNotFollowed) {
  enrol("prod", "id", "secret");
  fs::rename(file("prod"), directory_.path() / "elsewhere");
  fs::create_symlink(directory_.path() / "elsewhere", file("prod"));
  expect_refusal("prod", ErrorCode::store_locked, "is a symbolic link");
  fs::rename(state_ / "vault", directory_.path() / "moved");
  fs::create_directory_symlink(directory_.path() / "moved", state_ / "vault");
  expect_refusal("prod", ErrorCode::store_locked, "is a symbolic link");
}

TEST_F(FileVaultTest, AFifoInPlaceOfAFileIsRefusedWithoutWaiting) {
  enrol("prod", "id", "secret");
  fs::remove(file("prod"));
  ASSERT_EQ(::mkfifo(file("prod").c_str(), 0600), 0);
  expect_refusal("prod", ErrorCode::store_locked, "is not a regular file");
}

TEST_F(FileVaultTest, SwappedFilesOfTwoProfilesAreRefused) {
  enrol("prod", "id", "secret");
  enrol("staging", "id", "other");
  fs::copy_file(file("staging"), file("prod"), fs::copy_options::overwrite_existing);
  expect_refusal("prod", ErrorCode::store_locked, "it was written for profile \"staging\"");
  expect_refusal("prod", ErrorCode::store_locked, "fob credential add prod");
}

TEST_F(FileVaultTest, AFileFromAnotherDeviceIsRefused) {
  enrol("prod", "id", "secret");
  const auto foreign = read(file("prod"));
  fs::remove_all(state_);
  enrol("prod", "id", "ours");
  write(file("prod"), foreign);
  expect_refusal("prod", ErrorCode::store_locked, "sealed with another key");
}

TEST_F(FileVaultTest, DamageAnywhereInTheFileIsNoticed) {
  enrol("prod", "id", "secret");
  const auto whole = read(file("prod"));
  for (std::size_t i = 0; i + 1 < whole.size(); i += 3) {
    auto damaged = whole;
    damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
    write(file("prod"), damaged);
    EXPECT_EQ(vault().load("prod", Slot::current).has_value(), false) << i;
  }
  for (const auto& content : {std::string(), whole.substr(0, whole.size() / 2), std::string(70000, '{')}) {
    write(file("prod"), content);
    expect_refusal("prod", ErrorCode::store_locked, file("prod").string());
  }
}

TEST_F(FileVaultTest, ADamagedFileIsNotOverwrittenButCanBeRemoved) {
  enrol("prod", "id", "secret");
  write(file("prod"), "{}");
  EXPECT_EQ(vault().stage("prod", credential("id", "new")).error().code, ErrorCode::store_locked);
  EXPECT_EQ(read(file("prod")), "{}");
  ASSERT_TRUE(vault().remove("prod"));
  enrol("prod", "id", "new");
  EXPECT_EQ(secret_in("prod", Slot::current), "new");
}

TEST_F(FileVaultTest, ADamagedFileHidesNoOtherProfile) {
  for (const std::string profile : {"a", "b", "c"}) enrol(profile, "id", "secret");
  write(file("b"), "{}");
  const auto listing = vault().list();
  ASSERT_TRUE(listing);
  ASSERT_EQ(listing->slots.size(), 2U);
  EXPECT_EQ(listing->slots[0].profile, "a");
  EXPECT_EQ(listing->slots[1].profile, "c");
  ASSERT_EQ(listing->unreadable.size(), 1U);
  EXPECT_EQ(listing->unreadable[0].code, ErrorCode::store_locked);
  EXPECT_NE(listing->unreadable[0].detail.find(file("b").string()), std::string::npos);

  fs::remove(key_file());
  const auto keyless = vault().list();
  EXPECT_TRUE(keyless->slots.empty());
  EXPECT_EQ(keyless->unreadable.size(), 1U) << "the missing key is said once";
}

TEST_F(FileVaultTest, AVaultWhoseKeyIsGoneGetsNoNewKey) {
  enrol("prod", "id", "secret");
  const auto key = read(key_file());
  fs::remove(key_file());
  expect_refusal("prod", ErrorCode::store_locked, key_file().string() + " is gone");
  EXPECT_EQ(vault().stage("prod", credential("id", "x")).error().code, ErrorCode::store_locked);
  EXPECT_EQ(vault().stage("other", credential("id", "x")).error().code, ErrorCode::store_locked);
  EXPECT_FALSE(fs::exists(key_file()));
  write(key_file(), key);
  EXPECT_EQ(secret_in("prod", Slot::current), "secret");
}

TEST_F(FileVaultTest, AFailedWriteChangesNothing) {
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
  const auto staged = vault().stage("prod", credential("id", "new"));
  ::setrlimit(RLIMIT_FSIZE, &saved);
  ASSERT_FALSE(staged);
  EXPECT_EQ(staged.error().code, ErrorCode::store);
  EXPECT_EQ(read(file("prod")), before);
  EXPECT_EQ(std::distance(fs::directory_iterator(state_ / "vault"), {}), 1);
}

}  // namespace
}  // namespace fob::store
