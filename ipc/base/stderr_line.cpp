#include "ipc/base/stderr_line.hpp"

#include "ipc/base/line.hpp"

#include <cerrno>
#include <cstdlib>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fob {
namespace {

constexpr std::size_t k_longest_line = 16 * 1024;

bool takes_more(int fd) {
  pollfd watched{fd, POLLOUT, 0};
  return ::poll(&watched, 1, 0) == 1;
}

}  // namespace

std::string_view to_string(Priority priority) {
  switch (priority) {
    case Priority::error:
      return "error";
    case Priority::warning:
      return "warning";
    case Priority::notice:
      return "notice";
    case Priority::info:
      break;
  }
  return "info";
}

bool leads_to_journal(const std::optional<std::string>& stream) {
  struct stat about {};
  return stream && ::fstat(STDERR_FILENO, &about) == 0 &&
         *stream == std::to_string(about.st_dev) + ":" + std::to_string(about.st_ino);
}

void say_on_stderr(std::string_view who, Priority priority, std::string_view text) {
  const char* stream = std::getenv("JOURNAL_STREAM");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  const bool journal = stream != nullptr && leads_to_journal(stream);
  std::string line =
      journal ? "<" + std::to_string(static_cast<int>(priority)) + ">" : std::string(who) + ": ";
  line += printable(text, k_longest_line) + "\n";
  // One write, so that no other process's line comes between. Nobody could be told that it failed, and a
  // daemon with one thread does not wait for a reader who sleeps.
  [[maybe_unused]] ssize_t written =
      ::send(STDERR_FILENO, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (written >= 0 || errno != ENOTSOCK || !takes_more(STDERR_FILENO)) return;
  written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace fob
