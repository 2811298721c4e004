// Which program a process runs, where the system's root is not that of its mount namespace.
#include "daemon/witness/program_file.hpp"

#include "ipc/base/pidfd.hpp"
#include "ipc/base/unique_fd.hpp"
#include "tests/support/temp_directory.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fob::witness {
namespace {

constexpr int k_found = 0, k_not_found = 1, k_cannot_be_tried = 2;

int status_of(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// A process that runs `program` by now.
pid_t started(const std::string& program) {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) return -1;
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl(program.c_str(), program.c_str(), "1000", nullptr);
    ::_exit(127);
  }
  ::close(pipe[1]);
  char end = 0;
  while (::read(pipe[0], &end, 1) < 0) continue;
  ::close(pipe[0]);
  return child;
}

// As a unit with a sandbox looks: from a mount namespace of its own.
int looked_for_from_another_namespace(pid_t app, const std::string& program) {
  const pid_t looker = ::fork();
  if (looker != 0) return status_of(looker);
  if (::unshare(CLONE_NEWNS) != 0) ::_exit(k_cannot_be_tried);
  const UniqueFd pidfd = open_pidfd(app);
  HashCache hashes;
  const auto answer = look(pidfd.get(), {true, false}, hashes);
  ::_exit(answer.exe && answer.exe->value == program ? k_found : k_not_found);
}

// PID 1 of a system whose root was moved into `root`, as systemd-nspawn does where it runs in a chroot.
int live_as_a_system(const std::string& root, const std::string& program) {
  if (::chroot(root.c_str()) != 0 || ::chdir("/") != 0 || ::mount("proc", "/proc", "proc", 0, nullptr) != 0)
    return k_cannot_be_tried;
  const pid_t app = started(program);
  const int found = looked_for_from_another_namespace(app, program);
  ::kill(app, SIGKILL);
  return found;
}

int looked_for_below_a_moved_root(const std::string& root, const std::string& program) {
  const pid_t outer = ::fork();
  if (outer != 0) return status_of(outer);
  if (::unshare(CLONE_NEWNS | CLONE_NEWPID) != 0 ||
      ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("/", root.c_str(), nullptr, MS_BIND, nullptr) != 0)
    ::_exit(k_cannot_be_tried);
  const pid_t first = ::fork();
  if (first == 0) ::_exit(live_as_a_system(root, program));
  ::_exit(status_of(first));
}

class ProgramFile : public testing::Test {
 protected:
  void expect_known() const {
    const int status = looked_for_below_a_moved_root(directory_.path(), program_);
    if (status == k_cannot_be_tried) GTEST_SKIP() << "mounts and namespaces are for root to make";
    EXPECT_EQ(status, k_found);
  }

  const test::TempDirectory directory_;
  const std::filesystem::path program_ = std::filesystem::canonical("/bin/sleep");
};

TEST_F(ProgramFile, IsKnownWhereTheSystemsRootIsNotThatOfItsNamespace) { expect_known(); }

TEST_F(ProgramFile, IsKnownThereAlsoWhereItsOtherNameCannotBeLookedAt) {
  // In the system, the program's name from the namespace's root leads here.
  const std::string top = *std::next(program_.begin());
  std::filesystem::create_symlink(top, directory_.path() / top);
  expect_known();
}

}  // namespace
}  // namespace fob::witness
