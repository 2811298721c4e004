#include "ipc/base/journal.hpp"

#include "ipc/base/unix_address.hpp"

#include <cstring>
#include <sys/socket.h>
#include <utility>

namespace fob {

Journal Journal::of(const std::optional<std::string>& stream, std::string program,
                    const std::string& socket) {
  Journal journal;
  if (!leads_to_journal(stream)) return journal;
  const auto to = unix_address(socket);
  if (!to) return journal;
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd && connect_unix(fd.get(), *to) == 0) journal.socket_ = std::move(fd);
  journal.program_ = std::move(program);
  return journal;
}

bool Journal::send(Priority priority, const std::string& message, const Fields& fields) const {
  if (!present()) return false;
  std::string text = "MESSAGE=" + message + "\nPRIORITY=" + std::to_string(static_cast<int>(priority)) +
                     "\nSYSLOG_IDENTIFIER=" + program_ + "\n";
  for (const auto& [name, value] : fields) text += name + "=" + value + "\n";
  return ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL) >= 0;
}

void Journal::write(Priority priority, const std::string& message, const Fields& fields) const {
  if (!send(priority, message, fields)) say_on_stderr(to_string(priority), priority, message);
}

}  // namespace fob
