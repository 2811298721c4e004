#include "ipc/base/journal.hpp"

#include <cstring>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace fob {
namespace {

// "DEVICE:INODE" of what stderr was given as; it may have been redirected since.
bool is_stderr(const std::string& stream) {
  struct stat about {};
  return ::fstat(STDERR_FILENO, &about) == 0 &&
         stream == std::to_string(about.st_dev) + ":" + std::to_string(about.st_ino);
}

}  // namespace

Journal Journal::of(const std::optional<std::string>& stream, std::string program,
                    const std::string& socket) {
  Journal journal;
  if (!stream || !is_stderr(*stream)) return journal;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (socket.size() >= sizeof to.sun_path) return journal;
  std::memcpy(to.sun_path, socket.data(), socket.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd && ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0)
    journal.socket_ = std::move(fd);
  journal.program_ = std::move(program);
  return journal;
}

bool Journal::send(Priority priority, const std::string& message,
                   const std::vector<std::pair<std::string, std::string>>& fields) const {
  if (!present()) return false;
  std::string text = "MESSAGE=" + message + "\nPRIORITY=" + std::to_string(static_cast<int>(priority)) +
                     "\nSYSLOG_IDENTIFIER=" + program_ + "\n";
  for (const auto& [name, value] : fields) text += name + "=" + value + "\n";
  return ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL) >= 0;
}

}  // namespace fob
