// Files and directories that hold secrets, where they are not as they should be, or cannot be read or
// written: each refusal names the place and what to do, and leaves everything as it was.
#include "daemon/store/file_records.hpp"
#include "daemon/store/placement.hpp"
#include "daemon/store/private_file.hpp"
#include "daemon/store/systemd_creds.hpp"
#include "daemon/store/tool.hpp"
#include "daemon/store/vault_file.hpp"
#include "daemon/store/vault_key.hpp"
#include "ipc/base/file.hpp"
#include "tests/support/limits.hpp"
#include "tests/support/temp_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fob::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PrivateFileTest : public ::testing::Test {
 protected:
  std::filesystem::path path(const std::string& name) const { return directory_.path() / name; }
  std::filesystem::path write(const std::string& name, const std::string& text = "text",
                              mode_t mode = 0600) const {
    std::ofstream(path(name)) << text;
    ::chmod(path(name).c_str(), mode);
    return path(name);
  }
  // As the user `nobody`, in a process of its own; empty where that cannot be.
  static std::string as_nobody(const std::function<std::string()>& say) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return "";
    const pid_t child = ::fork();
    if (child == 0) {
      const std::string said = ::seteuid(65534) == 0 ? say() : "";
      ::_exit(::write(ends[1], said.data(), said.size()) < 0 ? 1 : 0);
    }
    ::close(ends[1]);
    std::string all;
    std::array<char, 1024> chunk{};
    for (ssize_t n = 0; (n = ::read(ends[0], chunk.data(), chunk.size())) > 0;)
      all.append(chunk.data(), static_cast<std::size_t>(n));
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    return all;
  }

  test::TempDirectory directory_;
};

TEST_F(PrivateFileTest, OfAnotherUserThatCannotBeOpenedIsRefusedWithTheMend) {
  const auto file = write("key");
  const std::string said = as_nobody([&] { return open_private_file(file, Sharing::none).error().detail; });
  if (said.empty()) GTEST_SKIP() << "to be somebody else is for root";
  EXPECT_THAT(
      said,
      HasSubstr("Permission denied for user 65534, who must be able to enter the directories above it too; "
                "run: chown 65534 " +
                file.string()));
}

TEST_F(PrivateFileTest, BehindWhatIsNoDirectoryIsRefusedAsThat) {
  const auto file = write("file");
  EXPECT_THAT(open_private_file(file / "key", Sharing::none).error().detail, HasSubstr("Not a directory"));
  EXPECT_THAT(open_private_directory(file).error().detail, HasSubstr("move it out of the way"));
}

TEST_F(PrivateFileTest, ThatCannotBeReadIsLocked) {
  const UniqueFd directory(::open("/", O_RDONLY | O_CLOEXEC));
  const auto read = read_secret(directory.get(), 100, "/");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::store_locked);
}

TEST_F(PrivateFileTest, OnlyFilesOfProfilesAreListed) {
  for (const auto* name : {"b.vault", "a.vault", ".hidden.vault", "a b.vault", "c.cred", "vault", ".vault"})
    write(name);
  EXPECT_THAT(files_of_profiles(directory_.path(), ".vault").value(), ElementsAre("a", "b"));
  EXPECT_TRUE(files_of_profiles(path("nowhere"), ".vault")->empty());
  const auto none = files_of_profiles(path("a.vault"), ".vault");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::store_locked) << "who knows what there is";
}

TEST_F(PrivateFileTest, OnlyWhatAWriterLeftIsRemoved) {
  for (const auto* name :
       {"p.vault", "p.vault.tmp12", "p.vault.tmp", "p.vault.tmp1x", "p.vault.tmpx1", "p.tmp3"})
    write(name);
  remove_leftovers(directory_.path(), ".vault");
  EXPECT_FALSE(std::filesystem::exists(path("p.vault.tmp12")));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_.path()),
                          std::filesystem::directory_iterator()),
            5);
  remove_leftovers(path("nowhere"), ".vault");
}

TEST_F(PrivateFileTest, APlacementThatOthersCouldWriteOrThatIsEndlessIsNotRead) {
  ::chmod(directory_.path().c_str(), 0700);
  write("placement.json", "{}", 0644);
  EXPECT_THAT(read_placement(directory_.path()).error().detail, HasSubstr("chmod 600"));
  write("placement.json", std::string(2 * 1024 * 1024, ' '));
  EXPECT_EQ(read_placement(directory_.path()).error().code, ErrorCode::store_locked);
}

TEST_F(PrivateFileTest, AVaultThatIsNoDirectoryIsRefusedByEachStep) {
  const auto vault = write("vault");
  const auto key = find_vault_key({}, directory_.path() / "state", [](const char*) { return std::nullopt; });
  FileRecords files(vault, key);
  EXPECT_EQ(files.read("p").error().code, ErrorCode::store_locked);
  EXPECT_EQ(files.profiles().error().code, ErrorCode::store_locked);
  EXPECT_EQ(files.replace("p", {}).error().code, ErrorCode::store_locked);
  EXPECT_FALSE(std::filesystem::exists(key.file)) << "no key is made for it";
  SystemdCredsSetup setup;
  setup.vault = vault;
  SystemdCredsRecords sealed(setup);
  EXPECT_EQ(sealed.read("p").error().code, ErrorCode::store_locked);
  EXPECT_EQ(sealed.profiles().error().code, ErrorCode::store_locked);
  EXPECT_FALSE(sealed.replace("p", {}));
}

TEST_F(PrivateFileTest, AVaultFileThatIsEndlessIsDamaged) {
  ::chmod(directory_.path().c_str(), 0700);
  write("p.vault", std::string(1024 * 1024, ' '));
  FileRecords files(directory_.path(), {directory_.path() / "key", VaultKeyPlace::Origin::configured});
  EXPECT_EQ(files.read("p").error().code, ErrorCode::store_damaged);
}

TEST_F(PrivateFileTest, AKeyThatCannotBeMadeIsNotHalfMade) {
  if (!test::k_can_lack_descriptors) GTEST_SKIP() << "a sanitizer takes them too";
  using enum VaultKeyPlace::Origin;
  const auto file = write("file");
  EXPECT_FALSE(create_vault_key({file / "vault.key", configured})) << "behind what is no directory";
  const VaultKeyPlace place{path("keys") / "vault.key", configured};
  {
    const test::FullDisk full;
    EXPECT_EQ(create_vault_key(place).error().code, ErrorCode::store);
  }
  EXPECT_TRUE(read_vault_key(place)->empty());
  {
    const test::FewDescriptors none;
    EXPECT_THAT(create_vault_key(place).error().detail, HasSubstr("Too many open files"));
  }
  EXPECT_TRUE(read_vault_key(place)->empty());
  EXPECT_EQ(create_vault_key(place)->size(), k_vault_key_bytes);
}

std::size_t open_descriptors() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                                                std::filesystem::directory_iterator()));
}

TEST_F(PrivateFileTest, AToolIsNotStartedHalfwayWhereDescriptorsRunOut) {
  if (!test::k_can_lack_descriptors) GTEST_SKIP() << "a sanitizer takes them too";
  const Tool tool{"/bin/true", {}, std::chrono::seconds(30)};
  const std::size_t before = open_descriptors();
  std::size_t refused = 0;
  ToolEnd end = ToolEnd::not_started;
  for (rlim_t more = 0; more < 20 && end == ToolEnd::not_started; ++more) {
    const test::FewDescriptors few(more);
    const auto run = run_tool(tool, {}, "", 100);
    end = run.end;
    if (end == ToolEnd::not_started) {
      ++refused;
      EXPECT_THAT(run.complaint, HasSubstr("Too many open files")) << more;
    }
  }
  EXPECT_EQ(end, ToolEnd::done);
  EXPECT_GT(refused, 5U);
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "nor is a child left behind";
}

TEST_F(PrivateFileTest, HowLongAToolWasWaitedForIsSaidToTheTenth) {
  const Tool tool{"/bin/sleep", {}, std::chrono::milliseconds(300)};
  EXPECT_EQ(run_tool(tool, {"60"}, "", 100).complaint, "sleep did not end within 0.3 s and was killed");
}

}  // namespace
}  // namespace fob::store
