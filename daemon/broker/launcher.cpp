#include "daemon/broker/launcher.hpp"

#include "daemon/broker/child_process.hpp"
#include "daemon/config/locations.hpp"
#include "ipc/base/file.hpp"
#include "ipc/base/passed_descriptors.hpp"
#include "ipc/wire/names.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <sched.h>
#include <span>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fob::broker {
namespace {

// A program's path, its options and a profile's name.
constexpr std::size_t k_max_request = 16 * 1024;
constexpr std::size_t k_max_digits = 19;
constexpr int k_exit_not_executed = 127;

struct Answer {
  std::uint32_t number = 0;  ///< of the request that it answers
  pid_t pid = -1;
  int error = 0;  ///< an errno
};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text.append(word).push_back('\0');
  return text;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const auto end = text.find('\0');
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return words;
}

// In the new process, which shares nothing with the launcher but what it inherited.
[[noreturn]] void become(char* const* words, char* const* environment, int input, int output) {
  std::signal(SIGINT, SIG_DFL);
  if (::dup2(input, STDIN_FILENO) >= 0 && ::dup2(output, STDOUT_FILENO) >= 0)
    ::execve(words[0], words, environment);
  ::_exit(k_exit_not_executed);
}

Answer launch(std::vector<std::string> words, int input, int output, UniqueFd& pidfd) {
  std::vector<std::string> environment = config::environment_for_children(config::process_environment);
  const auto arguments = exec_list(words), variables = exec_list(environment);
  if (::access(words.front().c_str(), X_OK) != 0) return {0, -1, errno};
  int made = -1;
  // Not clone3(2): a unit with RestrictNamespaces= is refused that, since a filter cannot see its flags.
  const auto pid =
      static_cast<pid_t>(::syscall(SYS_clone, CLONE_PARENT | CLONE_PIDFD, nullptr, &made, nullptr, nullptr));
  if (pid == 0) become(arguments.data(), variables.data(), input, output);
  if (pid < 0) return {0, -1, errno};
  pidfd.reset(made);
  return {0, pid, 0};
}

// Takes the request's number off its words.
std::uint32_t taken_number(std::vector<std::string>& words) {
  std::uint32_t number = 0;
  if (words.empty()) return number;
  std::from_chars(words.front().data(), words.front().data() + words.front().size(), number);
  words.erase(words.begin());
  return number;
}

[[noreturn]] void serve(int socket, const std::vector<LaunchForm>& forms) {
  std::array<char, k_max_request> request{};
  while (true) {
    const Received asked = receive_with(socket, request);
    if (asked.size <= 0) ::_exit(0);  // fobd is gone
    auto words = split({request.data(), static_cast<std::size_t>(asked.size)});
    const std::uint32_t number = taken_number(words);
    const bool known =
        asked.all && asked.fds.size() == 2 &&
        std::any_of(forms.begin(), forms.end(), [&](const LaunchForm& form) { return fits(form, words); });
    UniqueFd pidfd;
    Answer answer = known ? launch(std::move(words), asked.fds[0].get(), asked.fds[1].get(), pidfd)
                          : Answer{0, -1, EPERM};
    answer.number = number;
    const std::span<const char> bytes(reinterpret_cast<const char*>(&answer), sizeof answer);
    const int made = pidfd.get();
    if (send_with(socket, bytes, {&made, pidfd ? 1u : 0u}) < 0) ::_exit(0);
  }
}

// The launcher's own life: nothing of fobd's but the socket and the three standard streams.
[[noreturn]] void live(UniqueFd socket, const std::vector<LaunchForm>& forms) {
  ::prctl(PR_SET_NAME, "fobd-launcher", 0, 0, 0);
  for (int number = 1; number < NSIG; ++number) std::signal(number, SIG_DFL);
  // A terminal's interrupt is for fobd, which then lets its exchanges end.
  std::signal(SIGINT, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int place = STDERR_FILENO + 1;
  if (socket.get() != place && ::dup3(socket.get(), place, O_CLOEXEC) < 0) ::_exit(1);
  if (socket.get() == place) socket.release();
  ::syscall(SYS_close_range, place + 1, ~0U, 0);
  serve(place, forms);
}

}  // namespace

LaunchForm exactly(const std::vector<std::string>& words) {
  LaunchForm form;
  for (const auto& word : words) form.push_back({LaunchWord::Kind::exact, word});
  return form;
}

bool fits(const LaunchForm& form, const std::vector<std::string>& words) {
  const auto fits_word = [](const LaunchWord& wanted, const std::string& word) {
    switch (wanted.kind) {
      case LaunchWord::Kind::exact:
        return word == wanted.text;
      case LaunchWord::Kind::profile_name:
        return wire::is_profile_name(word);
      case LaunchWord::Kind::number:
        return !word.empty() && word.size() <= k_max_digits &&
               word.find_first_not_of("0123456789") == std::string::npos;
    }
    return false;
  };
  return std::equal(form.begin(), form.end(), words.begin(), words.end(), fits_word);
}

Result<std::shared_ptr<Launcher>> Launcher::start(const std::vector<LaunchForm>& forms,
                                                  std::chrono::seconds patience) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail(ErrorCode::internal, with_errno("a socket for the launcher"));
  UniqueFd ours(ends[0]), theirs(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return fail(ErrorCode::internal, with_errno("the launcher cannot be started"));
  if (pid == 0) {
    ours.reset();
    live(std::move(theirs), forms);
  }
  const timeval bound{patience.count(), 0};
  ::setsockopt(ours.get(), SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
  return std::make_shared<Launcher>(std::move(ours));
}

Result<Child> Launcher::spawn(const std::vector<std::string>& words, int input, int output) {
  const auto failed = [&](const std::string& why) {
    return fail(ErrorCode::unreachable,
                "cannot run " + words.front() + ": " + why + "; is fob installed completely?");
  };
  const std::uint32_t number = ++asked_;
  const std::string request = std::to_string(number) + '\0' + joined(words);
  const std::array<int, 2> ends{input, output};
  if (send_with(socket_.get(), request, ends) < 0) return failed(with_errno("its launcher is gone"));
  Answer answer;
  Received received;
  do {
    received = receive_with(socket_.get(), {reinterpret_cast<char*>(&answer), sizeof answer});
    // Of a request that was given up, if it answers only now.
  } while (received.size == sizeof answer && answer.number != number);
  if (received.size != sizeof answer || (answer.error == 0 && received.fds.size() != 1))
    return failed("its launcher does not answer; restart fobd");
  if (answer.error != 0) return failed(std::strerror(answer.error));  // NOLINT(concurrency-mt-unsafe)
  return Child(answer.pid, std::move(received.fds.front()));
}

}  // namespace fob::broker
