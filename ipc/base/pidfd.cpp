#include "ipc/base/pidfd.hpp"

#include "ipc/base/file.hpp"

#include <charconv>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/syscall.h>
#include <unistd.h>

namespace fob {
namespace {

constexpr std::size_t k_max_fdinfo = 4096;
constexpr std::string_view k_pid_line = "\nPid:\t";

}  // namespace

UniqueFd open_pidfd(pid_t pid) { return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

bool has_ended(int pidfd) {
  pollfd watched{pidfd, POLLIN, 0};
  return pidfd < 0 || ::poll(&watched, 1, 0) != 0;
}

std::optional<pid_t> pid_of(int pidfd) {
  const auto text =
      read_file("/proc/self/fdinfo/" + std::to_string(pidfd), k_max_fdinfo, ErrorCode::internal);
  if (!text) return std::nullopt;
  const auto line = text->find(k_pid_line);
  if (line == text->npos) return std::nullopt;
  pid_t pid = -1;
  const char* const first = text->data() + line + k_pid_line.size();
  const auto [end, error] = std::from_chars(first, text->data() + text->size(), pid);
  if (error != std::errc() || pid <= 0) return std::nullopt;
  return pid;
}

}  // namespace fob
