#include "daemon/store/tool.hpp"

#include "ipc/base/unique_fd.hpp"
#include "ipc/wire/json.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace fob::store {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Of what it says on stderr: enough for the sentence or two that a person is shown.
constexpr std::size_t k_max_complaint = 400;

// A child process and its group, which do not outlive this object.
class Child {
 public:
  // By syscall(2), since glibc 2.36 declares pidfd_open() for C alone.
  explicit Child(pid_t pid) : pid_(pid), handle_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { static_cast<void>(end()); }

  /// Readable once it has ended; negative where the kernel had no descriptor to give.
  int handle() const { return handle_.get(); }

  /// Kills what is left of the group and gives its status, as of waitpid(2). Killed before it is reaped,
  /// since only so long is the pid nobody else's.
  int end() {
    if (pid_ <= 0) return status_;
    ::kill(-pid_, SIGKILL);
    while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status_;
  }

 private:
  pid_t pid_;
  UniqueFd handle_;
  int status_ = -1;
};

struct Ends {
  UniqueFd ours, theirs;
};

// A socketpair, since a write to a program that has gone away must not raise SIGPIPE in ours.
std::optional<Ends> channel_to_tool() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return std::nullopt;
  return Ends{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::optional<Ends> pipe_from_tool() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  Ends made{UniqueFd(ends[0]), UniqueFd(ends[1])};
  // Ours alone: the tool may rely on a stdout that blocks.
  if (::fcntl(made.ours.get(), F_SETFL, O_NONBLOCK) != 0) return std::nullopt;
  return made;
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

// posix_spawn(3)'s two objects: three descriptors and no others; a process group of its own; no signal
// blocked or ignored, however our own process has it.
class SpawnPlan {
 public:
  SpawnPlan(int in, int out, int err) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_adddup2(&actions_, in, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, out, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, err, STDERR_FILENO);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    ::posix_spawnattr_init(&attributes_);
    sigset_t signals;
    ::sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&attributes_, &signals);
    ::sigfillset(&signals);
    ::posix_spawnattr_setsigdefault(&attributes_, &signals);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(&attributes_,
                               POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  /// The pid, or an errno as a negative number.
  pid_t spawn(const Tool& tool, const std::vector<std::string>& arguments) const {
    std::vector<std::string> words = {tool.program.string()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<std::string> variables = tool.environment;
    pid_t pid = -1;
    const int reason = ::posix_spawn(&pid, tool.program.c_str(), &actions_, &attributes_,
                                     pointers_to(words).data(), pointers_to(variables).data());
    return reason == 0 ? pid : -reason;
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

// What is said to the tool and what it says, as far as that goes without waiting for it.
class Conversation {
 public:
  Conversation(UniqueFd in, UniqueFd out, UniqueFd err, std::string_view input, std::size_t max_output)
      : in_(std::move(in)),
        out_(std::move(out)),
        err_(std::move(err)),
        unsent_(input),
        output_(max_output + 1) {}

  ToolEnd hold(int process, steady_clock::time_point deadline) {
    bool ended = false;
    while (!ended) {
      const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
      std::array<pollfd, 4> watched = {pollfd{in_.get(), POLLOUT, 0}, pollfd{out_.get(), POLLIN, 0},
                                       pollfd{err_.get(), POLLIN, 0}, pollfd{process, POLLIN, 0}};
      if (left.count() <= 0 || ::poll(watched.data(), watched.size(), static_cast<int>(left.count())) == 0)
        return ToolEnd::too_slow;
      // Looked at before the pipes are emptied, so that its last words are heard.
      ended = watched[3].revents != 0;
      send_some();
      take_complaint();
      if (!take_output()) return ToolEnd::too_much;
    }
    return ToolEnd::done;
  }

  SecretBytes output() const { return SecretBytes::copy_of(output_.reveal().substr(0, received_)); }

  std::string complaint() const {
    const auto end = complaint_.find_last_not_of(" \r\n");
    return wire::printable(complaint_.substr(0, end == std::string::npos ? 0 : end + 1), k_max_complaint);
  }

 private:
  void send_some() {
    while (in_ && !unsent_.empty()) {
      const ssize_t n = ::send(in_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return;
      if (n < 0) break;  // it has heard enough; how it ends says whether that was well
      unsent_.remove_prefix(static_cast<std::size_t>(n));
    }
    in_.reset();
  }

  // False: more than was asked for.
  bool take_output() {
    while (out_) {
      const ssize_t n = ::read(out_.get(), output_.bytes().data() + received_, output_.size() - received_);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return true;
      if (n <= 0) {
        out_.reset();
        return true;
      }
      received_ += static_cast<std::size_t>(n);
      if (received_ == output_.size()) return false;
    }
    return true;
  }

  // What goes beyond the bound is read, so that the tool is not held up, and thrown away. One piece a turn,
  // since who never stops complaining must not hold us up either.
  void take_complaint() {
    std::array<char, 4096> chunk{};
    const ssize_t n = err_ ? ::read(err_.get(), chunk.data(), chunk.size()) : -1;
    if (n == 0) err_.reset();
    if (n > 0 && complaint_.size() < k_max_complaint)
      complaint_.append(chunk.data(), static_cast<std::size_t>(n));
  }

  UniqueFd in_, out_, err_;
  std::string_view unsent_;
  SecretBytes output_;
  std::size_t received_ = 0;
  std::string complaint_;
};

std::string seconds(milliseconds time) {
  const auto tenths = std::to_string((time.count() % 1000) / 100);
  return std::to_string(time.count() / 1000) + (tenths == "0" ? "" : "." + tenths) + " s";
}

std::string how_it_failed(int status) {
  if (WIFSIGNALED(status)) return "was killed by signal " + std::to_string(WTERMSIG(status));
  return "ended with status " + std::to_string(WEXITSTATUS(status));
}

ToolRun conclude(const Tool& tool, ToolEnd end, int status, const Conversation& talk,
                 std::size_t max_output) {
  const std::string name = tool.program.filename().string();
  if (end == ToolEnd::too_slow)
    return {end, {}, name + " did not end within " + seconds(tool.time_limit) + " and was killed"};
  if (end == ToolEnd::too_much)
    return {end, {}, name + " wrote more than the " + std::to_string(max_output) + " bytes allowed"};
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {ToolEnd::done, talk.output(), {}};
  auto complaint = talk.complaint();
  return {ToolEnd::failed, {}, complaint.empty() ? name + " " + how_it_failed(status) : std::move(complaint)};
}

ToolRun not_started(const Tool& tool, int reason) {
  return {ToolEnd::not_started, {}, tool.program.string() + ": " + std::generic_category().message(reason)};
}

}  // namespace

ToolRun run_tool(const Tool& tool, const std::vector<std::string>& arguments, std::string_view input,
                 std::size_t max_output) {
  const auto deadline = steady_clock::now() + tool.time_limit;
  auto in = channel_to_tool();
  auto out = pipe_from_tool(), err = pipe_from_tool();
  if (!in || !out || !err) return not_started(tool, errno);
  const pid_t pid = SpawnPlan(in->theirs.get(), out->theirs.get(), err->theirs.get()).spawn(tool, arguments);
  if (pid < 0) return not_started(tool, -pid);
  Child child(pid);
  if (child.handle() < 0) return not_started(tool, errno);
  in->theirs.reset(), out->theirs.reset(), err->theirs.reset();

  Conversation talk(std::move(in->ours), std::move(out->ours), std::move(err->ours), input, max_output);
  const ToolEnd end = talk.hold(child.handle(), deadline);
  return conclude(tool, end, child.end(), talk, max_output);
}

}  // namespace fob::store
