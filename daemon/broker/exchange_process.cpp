#include "daemon/broker/exchange_process.hpp"

#include "ipc/base/file.hpp"
#include "ipc/base/unique_fd.hpp"
#include "ipc/wire/limits.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <memory>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fob::broker {
namespace asio = boost::asio;

namespace {

using Socket = asio::local::stream_protocol::socket;

constexpr auto k_tuple = asio::as_tuple(asio::use_awaitable);
// An exchanger that has answered has nothing left to do; one that lingers is killed.
constexpr std::chrono::seconds k_exit_grace{2};

// A child process, killed and reaped at the latest with this object.
class Child {
 public:
  Child(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}
  Child& operator=(Child&&) = delete;
  ~Child() {
    if (pid_ < 0) return;
    kill();
    reap();
  }

  int pidfd() const { return pidfd_.get(); }
  void kill() const { ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0); }

  /// Waits for its end, which must be near, and says how it ended.
  std::string reap() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) continue;
    pid_ = -1;
    if (WIFSIGNALED(status)) return "was ended by signal " + std::to_string(WTERMSIG(status));
    return "exited with status " + std::to_string(WEXITSTATUS(status));
  }

 private:
  pid_t pid_;
  UniqueFd pidfd_;
};

// What the exchanger may know of our environment: where systemd put the vault's key, and nothing else.
std::vector<std::string> child_environment() {
  std::vector<std::string> environment;
  const char* credentials =
      std::getenv("CREDENTIALS_DIRECTORY");  // NOLINT(concurrency-mt-unsafe): one thread
  if (credentials != nullptr) environment.push_back(std::string("CREDENTIALS_DIRECTORY=") + credentials);
  return environment;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (auto& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

Result<Child> spawn(const ExchangeProgram& program, int socket) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, socket, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, socket, STDOUT_FILENO);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::vector<std::string> words = {program.program.string()};
  words.insert(words.end(), program.arguments.begin(), program.arguments.end());
  std::vector<std::string> environment = child_environment();
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, words.front().c_str(), &actions, &attributes, pointers(words).data(),
                                  pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  errno = error;
  // Worth trying again soon, whatever it is: nobody tells us when an upgrade is over or memory is back.
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

wire::ExchangeAnswer failure(ErrorCode code, std::string detail) {
  return wire::ExchangeFailure{code, 0, std::move(detail), std::nullopt};
}

// What the coroutine and its timers share. A timer's handler may still be queued when the coroutine has moved
// on, so it owns its share of this, and looks whether its time is over.
struct Run {
  Run(Child c, Socket s) : child(std::move(c)), socket(std::move(s)) {}
  Child child;
  Socket socket;
  bool answered = false;
  bool late = false;
  bool ended = false;
};
using RunPtr = std::shared_ptr<Run>;

// Once it has answered, or failed to, its end is near whoever else loses interest: so it is awaited to the
// last.
asio::awaitable<std::string> await_end(asio::any_io_executor executor, RunPtr run) {
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  const int pidfd = ::fcntl(run->child.pidfd(), F_DUPFD_CLOEXEC, 0);
  asio::posix::stream_descriptor ended(executor, pidfd);
  asio::steady_timer grace(executor, k_exit_grace);
  grace.async_wait([run](const boost::system::error_code& error) {
    if (!error && !run->ended) run->child.kill();
  });
  const auto [error] = co_await ended.async_wait(asio::posix::stream_descriptor::wait_read, k_tuple);
  if (error) run->child.kill();
  run->ended = true;
  grace.cancel();
  co_return run->child.reap();
}

// The line, or what went wrong on the way to it.
asio::awaitable<Result<std::string>> converse(asio::any_io_executor executor, RunPtr run, std::string line,
                                              std::chrono::milliseconds patience) {
  asio::steady_timer deadline(executor, patience);
  deadline.async_wait([run](const boost::system::error_code& error) {
    if (error || run->answered) return;
    run->late = true;
    run->child.kill();
    boost::system::error_code ignored;
    run->socket.close(ignored);
  });

  const auto question = asio::buffer(line);
  // Where the exchanger is gone already, the read says so better than the write.
  co_await asio::async_write(run->socket, question, k_tuple);
  std::string answer;
  auto into = asio::dynamic_buffer(answer, wire::k_max_exchange_answer);
  const auto [read_error, size] = co_await asio::async_read_until(run->socket, into, '\n', k_tuple);
  run->answered = true;
  deadline.cancel();

  if (run->late)
    co_return fail(ErrorCode::timeout,
                   "fob-exchange said nothing for " + std::to_string(patience.count()) + " ms and was ended");
  if (read_error == asio::error::not_found)
    co_return fail(ErrorCode::bad_answer, "fob-exchange answered more than it may");
  if (read_error) co_return fail(ErrorCode::bad_answer, "fob-exchange gave no answer");
  answer.resize(size - 1);
  co_return answer;
}

asio::awaitable<wire::ExchangeAnswer> exchange_once(asio::any_io_executor executor, ExchangeProgram program,
                                                    wire::ExchangeRequest request) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    co_return failure(ErrorCode::unreachable, with_errno("socketpair"));
  Socket ours(executor, asio::local::stream_protocol(), ends[0]);
  UniqueFd theirs(ends[1]);
  auto child = spawn(program, theirs.get());
  theirs.reset();
  if (!child) co_return failure(child.error().code, child.error().detail);

  const auto run = std::make_shared<Run>(std::move(*child), std::move(ours));
  std::string question = encode(request) + "\n";
  auto line = co_await converse(executor, run, std::move(question), program.deadline);
  boost::system::error_code ignored;
  run->socket.close(ignored);
  const std::string end = co_await await_end(executor, run);
  if (!line)
    co_return failure(line.error().code, line.error().detail + " (it " + end + "); its log says more");
  auto answer = wire::decode_exchange_answer(*line);
  if (!answer)
    co_return failure(ErrorCode::bad_answer, "fob-exchange's answer is wrong: " + answer.error().detail);
  co_return std::move(*answer);
}

}  // namespace

Exchange exchange_by_process(asio::any_io_executor executor, ExchangeProgram program) {
  return [executor, program = std::move(program)](wire::ExchangeRequest request) {
    return exchange_once(executor, program, std::move(request));
  };
}

}  // namespace fob::broker
