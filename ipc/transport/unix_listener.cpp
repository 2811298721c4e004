#include "ipc/transport/unix_listener.hpp"

#include "ipc/base/file.hpp"
#include "ipc/base/shell_word.hpp"
#include "ipc/base/unix_address.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fob::transport {
namespace {

// Room for a burst of clients at boot; the kernel caps it at net.core.somaxconn.
constexpr int k_backlog = 4096;
constexpr std::size_t k_max_pid_text = 32;

Result<sockaddr_un> address_of(const std::filesystem::path& path) {
  if (const auto address = unix_address(path.native())) return *address;
  return fail(ErrorCode::config, path.string() + " is too long for a socket's path (" +
                                     std::to_string(k_max_socket_path) +
                                     " bytes at most); use a shorter --runtime-dir");
}

// A socket that a crash left refuses connections. One that takes them is somebody's, say systemd's.
bool somebody_listens(const sockaddr_un& address) {
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return false;
  return connect_unix(probe.get(), address) == 0 || errno == EAGAIN;
}

Result<void> remove_stale(const std::filesystem::path& path, const sockaddr_un& address) {
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0)
    return errno == ENOENT ? Result<void>() : fail(ErrorCode::config, with_errno(path.string()));
  if (!S_ISSOCK(facts.st_mode))
    return fail(ErrorCode::config, path.string() + " is in the way and is not a socket; move it away");
  if (somebody_listens(address))
    return fail(ErrorCode::config,
                "somebody listens at " + path.string() +
                    " already, perhaps systemd (fob.socket); stop that, or use another --runtime-dir");
  if (::unlink(path.c_str()) != 0) return fail(ErrorCode::config, with_errno(path.string()));
  return {};
}

Result<void> check_writers(const std::filesystem::path& directory) {
  struct stat facts {};
  if (::stat(directory.c_str(), &facts) != 0) return fail(ErrorCode::config, with_errno(directory.string()));
  if (facts.st_uid != 0 && facts.st_uid != ::geteuid())
    return fail(ErrorCode::config, directory.string() + " belongs to user " + std::to_string(facts.st_uid) +
                                       ", who could replace the sockets in it; use another --runtime-dir");
  if ((facts.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return fail(ErrorCode::config, "others could replace the sockets in " + directory.string() +
                                       "; run: chmod go-w " + in_shell(directory.string()));
  return {};
}

// bind(2) makes the socket file with the umask's permissions, so for that instant the umask lets nobody in.
int bind_privately(int fd, const sockaddr_un& address) {
  const mode_t before = ::umask(0177);
  const int outcome = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::umask(before);
  return outcome;
}

}  // namespace

Result<UniqueFd> lock_runtime_directory(const std::filesystem::path& directory) {
  if (auto checked = check_writers(directory); !checked) return checked.error();
  const auto path = directory / "fobd.lock";
  UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return fail(ErrorCode::config, with_errno(path.string()));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    const auto holder = read_file(path, k_max_pid_text, ErrorCode::config);
    return fail(ErrorCode::config,
                "another fobd " + (holder && !holder->empty() ? "(process " + *holder + ") " : "") +
                    "serves " + directory.string() + "; stop it, or use another --runtime-dir");
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(lock.get(), 0) != 0 || ::pwrite(lock.get(), pid.data(), pid.size(), 0) < 0)
    return fail(ErrorCode::config, with_errno(path.string()));
  return lock;
}

Result<UniqueFd> listen_at(const std::filesystem::path& path, ListenerMode mode) {
  const auto address = address_of(path);
  if (!address) return address.error();
  if (auto removed = remove_stale(path, *address); !removed) return removed.error();

  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || bind_privately(fd.get(), *address) != 0)
    return fail(ErrorCode::config, with_errno(path.string()));
  if (mode.group && ::chown(path.c_str(), static_cast<uid_t>(-1), *mode.group) != 0)
    return fail(ErrorCode::config, with_errno("chown " + path.string()));
  if (::chmod(path.c_str(), mode.mode) != 0 || ::listen(fd.get(), k_backlog) != 0)
    return fail(ErrorCode::config, with_errno(path.string()));
  return fd;
}

}  // namespace fob::transport
