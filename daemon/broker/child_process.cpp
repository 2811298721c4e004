#include "daemon/broker/child_process.hpp"

#include "daemon/config/locations.hpp"
#include "ipc/base/file.hpp"
#include "ipc/transport/awaiting.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include <cerrno>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace fob::broker {
namespace asio = boost::asio;

namespace {

// One that has done its work has nothing left to do; one that lingers is killed.
constexpr std::chrono::seconds k_exit_grace{2};

}  // namespace

std::vector<char*> exec_list(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (auto& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

Child::~Child() {
  if (pid_ < 0) return;
  kill();
  reap();
}

void Child::kill() const { ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0); }

ChildEnd Child::reap() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) continue;
  pid_ = -1;
  if (WIFSIGNALED(status)) return {std::nullopt, "was ended by signal " + std::to_string(WTERMSIG(status))};
  return {WEXITSTATUS(status), "exited with status " + std::to_string(WEXITSTATUS(status))};
}

Result<Child> spawn(std::vector<std::string> words, int input, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::vector<std::string> environment = config::environment_for_children(config::process_environment);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, words.front().c_str(), &actions, &attributes, exec_list(words).data(),
                                  exec_list(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  errno = error;
  if (error != 0)
    return fail(ErrorCode::unreachable,
                with_errno("cannot run " + words.front()) + "; is fob installed completely?");

  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (pidfd) return Child(pid, std::move(pidfd));
  const Error failed = fail(ErrorCode::unreachable, with_errno("pidfd_open"));
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) continue;
  return failed;
}

asio::awaitable<void> wait_for_end(asio::any_io_executor executor, ChildPtr child,
                                   std::chrono::milliseconds patience) {
  const int pidfd = ::fcntl(child->pidfd(), F_DUPFD_CLOEXEC, 0);
  asio::posix::stream_descriptor ended(executor, pidfd);
  // The handler may still be queued when the coroutine has moved on, so it owns its share of the child.
  asio::steady_timer deadline(executor, patience);
  deadline.async_wait([child](const boost::system::error_code& error) {
    if (!error) child->kill();
  });
  co_await ended.async_wait(asio::posix::stream_descriptor::wait_read, transport::k_tuple);
}

asio::awaitable<ChildEnd> await_end(asio::any_io_executor executor, ChildPtr child) {
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await wait_for_end(executor, child, k_exit_grace);
  child->kill();
  co_return child->reap();
}

}  // namespace fob::broker
