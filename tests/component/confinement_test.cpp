// Each promise of the confinement is tried: in a child of the test, before it is confined and after.
#include "daemon/broker/confinement.hpp"

#include "daemon/exchanger/confinement.hpp"
#include "ipc/base/unique_fd.hpp"
#include "tests/support/temp_directory.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace fob {
namespace {

namespace fs = std::filesystem;

// 0, or the errno of a call that gave -1.
int outcome(long result) { return result < 0 ? errno : 0; }

int open_and_close(const fs::path& path, int flags) {
  const UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, 0600));
  return fd ? 0 : errno;
}

// What `attempt` gives in a process of its own, after `confine`.
int tried(const std::function<bool()>& confine, const std::function<int()>& attempt) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (!confine()) ::_exit(250);
    ::_exit(attempt());
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 251;
}

class ConfinementTest : public ::testing::Test {
 protected:
  ConfinementTest() {
    at_.config_file = directory_.path() / "etc/fob.toml";
    at_.runtime_dir = directory_.path() / "run";
    at_.state_dir = directory_.path() / "state";
    for (const auto& place : {at_.config_file.parent_path(), at_.runtime_dir, at_.state_dir})
      fs::create_directories(place);
    for (const auto& file : {at_.config_file, secret_file(), at_.runtime_dir / "old.sock"})
      std::ofstream(file) << "text\n";
  }

  fs::path secret_file() const { return at_.state_dir / "vault.key"; }

  // The attempt must go well unconfined: else its failure proves nothing.
  void expect(int expected, const std::function<int()>& attempt) const {
    EXPECT_EQ(tried([] { return true; }, attempt), 0) << "unconfined";
    EXPECT_EQ(tried([this] { return confine(); }, attempt), expected) << "confined";
  }
  virtual bool confine() const = 0;

  test::TempDirectory directory_;
  config::Locations at_;
};

bool landlocked() {
  return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

class BrokerConfinement : public ConfinementTest {
 protected:
  bool confine() const override { return broker::confine_broker(at_).has_value(); }
};

class ExchangerConfinement : public ConfinementTest {
 protected:
  bool confine() const override {
    exchanger::HttpRequest request;
    request.url = "https://authority.example:8443/token";
    return exchanger::confine_to(request, at_).has_value();
  }
};

TEST_F(BrokerConfinement, CannotReadTheStoreButTheConfiguration) {
  if (!landlocked()) GTEST_SKIP() << "this kernel has no Landlock";
  expect(EACCES, [this] { return open_and_close(secret_file(), O_RDONLY); });
  expect(0, [this] { return open_and_close(at_.config_file, O_RDONLY); });
  expect(0, [] { return open_and_close("/proc/self/cgroup", O_RDONLY); });
}

TEST_F(BrokerConfinement, CannotWriteAnywhereAndRemovesOnlyItsSockets) {
  if (!landlocked()) GTEST_SKIP() << "this kernel has no Landlock";
  expect(EACCES, [this] { return open_and_close(at_.config_file, O_WRONLY); });
  expect(0, [] { return open_and_close("/dev/null", O_RDWR); });
  expect(EACCES, [this] { return open_and_close(at_.runtime_dir / "new", O_WRONLY | O_CREAT); });
  EXPECT_EQ(
      tried([this] { return confine(); }, [this] { return outcome(::unlink(at_.config_file.c_str())); }),
      EACCES);
  EXPECT_EQ(tried([this] { return confine(); },
                  [this] { return outcome(::unlink((at_.runtime_dir / "old.sock").c_str())); }),
            0);
}

TEST_F(BrokerConfinement, CanStillLookUpUsers) {
  expect(0, [] { return ::getpwnam("daemon") != nullptr ? 0 : 1; });  // NOLINT(concurrency-mt-unsafe)
}

#ifndef FOB_SANITIZED  // whose own calls are many; what follows is the filter of system calls

int make_socket(int family) {
  const UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return fd ? 0 : errno;
}

TEST_F(BrokerConfinement, HasNoNetworkSockets) {
  expect(EPERM, [] { return make_socket(AF_INET); });
  expect(EPERM, [] { return make_socket(AF_INET6); });
  expect(0, [] { return make_socket(AF_UNIX); });
}

TEST_F(BrokerConfinement, CannotExecuteOrFork) {
  expect(EPERM, [] {
    char program[] = "/bin/true";
    char* const words[] = {program, nullptr};
    ::execve(program, words, nullptr);
    return errno;
  });
  expect(EPERM, [] {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(0);
    if (pid > 0) ::waitpid(pid, nullptr, 0);
    return outcome(pid);
  });
}

TEST_F(BrokerConfinement, CannotReachIntoAnotherProcess) {
  const pid_t other = ::fork();
  if (other == 0) {
    ::pause();
    ::_exit(0);
  }
  static char here[] = "text";
  expect(EPERM, [other] {
    char there[sizeof here];
    iovec local{there, sizeof there}, remote{here, sizeof here};
    return outcome(::process_vm_readv(other, &local, 1, &remote, 1, 0));
  });
  expect(EPERM, [other] { return outcome(::ptrace(PTRACE_ATTACH, other, nullptr, nullptr)); });
  expect(EPERM, [other] { return outcome(::kill(other, 0)); });
  ::kill(other, SIGKILL);
  ::waitpid(other, nullptr, 0);
}

TEST_F(ExchangerConfinement, CannotExecuteOrListenToOthers) {
  expect(EPERM, [] {
    char program[] = "/bin/true";
    char* const words[] = {program, nullptr};
    ::execve(program, words, nullptr);
    return errno;
  });
  expect(EPERM, [] { return outcome(::kill(::getppid(), 0)); });
}

TEST_F(ExchangerConfinement, CanStillResolveInAThread) {
  expect(0, [] {
    int done = 1;
    std::thread([&done] { done = 0; }).join();
    return done;
  });
}

#endif

TEST_F(ExchangerConfinement, CannotReadTheStoreAnyMoreOrWriteAnywhere) {
  if (!landlocked()) GTEST_SKIP() << "this kernel has no Landlock";
  expect(EACCES, [this] { return open_and_close(secret_file(), O_RDONLY); });
  expect(EACCES, [this] { return open_and_close(at_.state_dir / "new", O_WRONLY | O_CREAT); });
  expect(0, [] { return open_and_close("/etc/hosts", O_RDONLY); });
}

int connect_to(std::uint16_t port) {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return outcome(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
}

TEST_F(ExchangerConfinement, ReachesNoPortButTheEndpoints) {
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 4) GTEST_SKIP() << "this kernel's Landlock knows no ports";
  const auto confined = [this] { return confine(); };
  // Nobody listens there, and to be told so is to have been let through.
  EXPECT_EQ(tried(confined, [] { return connect_to(8443); }), ECONNREFUSED);
  EXPECT_EQ(tried(confined, [] { return connect_to(8444); }), EACCES);
}

}  // namespace
}  // namespace fob
