#include "daemon/broker/launcher.hpp"

#include "daemon/config/locations.hpp"
#include "ipc/base/file.hpp"
#include "ipc/wire/names.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <linux/sched.h>
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
constexpr timeval k_patience{10, 0};

struct Answer {
  pid_t pid = -1;
  int error = 0;  ///< an errno
};

// A message and the descriptors that come with it. Both sides speak in whole messages (SOCK_SEQPACKET).
template <std::size_t Count>
bool send_with(int socket, std::span<const char> bytes, const std::array<int, Count>& fds) {
  iovec content{const_cast<char*>(bytes.data()), bytes.size()};  // NOLINT: sendmsg(2) does not write to it
  msghdr message{};
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof fds)> control{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fds);
  std::memcpy(CMSG_DATA(header), fds.data(), sizeof fds);
  return ::sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

template <std::size_t Count>
ssize_t receive_with(int socket, std::span<char> bytes, std::array<UniqueFd, Count>& fds) {
  iovec content{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(Count * sizeof(int))> control{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t size = -1;
  do {
    size = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  const cmsghdr* header = size > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return size;
  const std::size_t count = std::min(Count, (header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
  for (std::size_t i = 0; i < count; ++i) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
    fds[i].reset(fd);
  }
  return size;
}

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

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (auto& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
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
  const auto arguments = pointers(words), variables = pointers(environment);
  if (::access(words.front().c_str(), X_OK) != 0) return {-1, errno};
  int made = -1;
  clone_args how{};
  how.flags = CLONE_PARENT | CLONE_PIDFD;
  how.pidfd = reinterpret_cast<std::uintptr_t>(&made);
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &how, sizeof how));
  if (pid == 0) become(arguments.data(), variables.data(), input, output);
  if (pid < 0) return {-1, errno};
  pidfd.reset(made);
  return {pid, 0};
}

[[noreturn]] void serve(int socket, const std::vector<LaunchForm>& forms) {
  std::array<char, k_max_request> request{};
  while (true) {
    std::array<UniqueFd, 2> ends;
    const ssize_t size = receive_with(socket, request, ends);
    if (size <= 0) ::_exit(0);  // fobd is gone
    auto words = split({request.data(), static_cast<std::size_t>(size)});
    const bool known =
        std::any_of(forms.begin(), forms.end(), [&](const LaunchForm& form) { return fits(form, words); });
    UniqueFd pidfd;
    const Answer answer = known && ends[0] && ends[1]
                              ? launch(std::move(words), ends[0].get(), ends[1].get(), pidfd)
                              : Answer{-1, EPERM};
    const std::span<const char> bytes(reinterpret_cast<const char*>(&answer), sizeof answer);
    // Where there is no pidfd, any descriptor: the message needs one.
    if (!send_with<1>(socket, bytes, {pidfd ? pidfd.get() : socket})) ::_exit(0);
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

Result<std::shared_ptr<Launcher>> Launcher::start(const std::vector<LaunchForm>& forms) {
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
  ::setsockopt(ours.get(), SOL_SOCKET, SO_RCVTIMEO, &k_patience, sizeof k_patience);
  return std::make_shared<Launcher>(std::move(ours));
}

Result<Child> Launcher::spawn(const std::vector<std::string>& words, int input, int output) {
  const auto failed = [&](const std::string& why) {
    return fail(ErrorCode::unreachable,
                "cannot run " + words.front() + ": " + why + "; is fob installed completely?");
  };
  const std::string request = joined(words);
  if (!send_with<2>(socket_.get(), request, {input, output}))
    return failed(with_errno("its launcher is gone"));
  Answer answer;
  std::array<UniqueFd, 1> pidfd;
  const ssize_t size = receive_with(socket_.get(), {reinterpret_cast<char*>(&answer), sizeof answer}, pidfd);
  if (size != sizeof answer) return failed("its launcher does not answer; restart fobd");
  if (answer.error != 0) return failed(std::strerror(answer.error));  // NOLINT(concurrency-mt-unsafe)
  return Child(answer.pid, std::move(pidfd[0]));
}

}  // namespace fob::broker
