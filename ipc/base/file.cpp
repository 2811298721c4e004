#include "ipc/base/file.hpp"

#include "ipc/base/shell_word.hpp"

#include <sodium.h>

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace fob {
namespace {

// False with errno.
bool write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::string_view mend_of(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "make room on that file system (df, du), and try again";
    case EROFS:
      return "that file system is read-only; see: mount";
    case EACCES:
    case EPERM:
      return "run this as the user whom that directory belongs to";
    case ENOENT:
      return "its directory is not there";
    default:
      return "mend that, and try again";
  }
}

// Of the temporary file nobody needs to know. Reads errno.
Error not_written(const std::filesystem::path& path, ErrorCode code) {
  const int reason = errno;
  return fail(code, with_errno(path.string() + " cannot be written") + "; nothing was changed; " +
                        std::string(mend_of(reason)));
}

Result<void> sync_directory(const std::filesystem::path& directory, ErrorCode code) {
  const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return fail(code, with_errno(directory.string()));
  return {};
}

std::filesystem::path directory_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

struct RegularFile {
  UniqueFd fd;
  struct stat facts {};
};

Result<RegularFile> open_regular(const std::filesystem::path& path, ErrorCode code) {
  RegularFile file;
  // Without O_NONBLOCK, opening a FIFO would wait for a writer that may never come.
  file.fd = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file.fd || ::fstat(file.fd.get(), &file.facts) != 0) return fail(code, with_errno(path.string()));
  if (!S_ISREG(file.facts.st_mode)) return fail(code, path.string() + " is not a regular file");
  return file;
}

Result<void> check_writers(const struct stat& facts, const std::filesystem::path& file, ErrorCode code) {
  if (facts.st_uid != 0 && facts.st_uid != ::geteuid())
    return fail(code, file.string() + " belongs to user " + std::to_string(facts.st_uid) +
                          ", who could redirect the credential; run: chown root " + in_shell(file.string()));
  const bool foreign_group = facts.st_gid != 0 && facts.st_gid != ::getegid();
  if ((facts.st_mode & S_IWOTH) != 0 || ((facts.st_mode & S_IWGRP) != 0 && foreign_group))
    return fail(code, file.string() +
                          " can be written by others, who could redirect the credential; run: chmod go-w " +
                          in_shell(file.string()));
  return {};
}

}  // namespace

Result<std::string> read_all(int fd, std::size_t limit, ErrorCode code, std::string_view name) {
  std::string content;
  std::array<char, 16384> chunk{};
  while (true) {
    const ssize_t n = ::read(fd, chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(code, with_errno(name));
    if (n == 0) return content;
    if (content.size() + static_cast<std::size_t>(n) > limit)
      return fail(code,
                  std::string(name) + " is larger than the " + std::to_string(limit) + " bytes allowed");
    content.append(chunk.data(), static_cast<std::size_t>(n));
  }
}

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit, ErrorCode code) {
  const auto file = open_regular(path, code);
  if (!file) return file.error();
  return read_all(file->fd.get(), limit, code, path.string());
}

Result<std::string> read_trusted_file(const std::filesystem::path& path, std::size_t limit, ErrorCode code) {
  const auto file = open_regular(path, code);
  if (!file) return file.error();
  if (auto checked = check_writers(file->facts, path, code); !checked) return checked.error();
  return read_all(file->fd.get(), limit, code, path.string());
}

Result<void> replace_file(const std::filesystem::path& path, std::string_view content, mode_t mode,
                          ErrorCode code) {
  const std::filesystem::path temporary = path.string() + ".tmp" + std::to_string(randombytes_random());
  const UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd) return not_written(path, code);

  // fchmod, since the umask has had its say in open(2).
  const bool written = write_all(fd.get(), content) && ::fchmod(fd.get(), mode) == 0 &&
                       ::fsync(fd.get()) == 0 && ::rename(temporary.c_str(), path.c_str()) == 0;
  if (!written) {
    const Error error = not_written(path, code);
    ::unlink(temporary.c_str());
    return error;
  }
  return sync_directory(directory_of(path), code);
}

Result<void> remove_file(const std::filesystem::path& path, ErrorCode code) {
  if (::unlink(path.c_str()) == 0) return sync_directory(directory_of(path), code);
  if (errno == ENOENT) return {};
  return fail(code, with_errno(path.string()));
}

Result<void> make_directory(const std::filesystem::path& path, mode_t mode, ErrorCode code) {
  std::error_code ignored;
  if (path.empty() || std::filesystem::is_directory(path, ignored)) return {};
  if (path.has_parent_path() && path.parent_path() != path) {
    if (auto above = make_directory(path.parent_path(), mode, code); !above) return above;
  }
  // Another process may have made it meanwhile; anything else that is in the way is an error.
  if (::mkdir(path.c_str(), mode) == 0) return sync_directory(directory_of(path), code);
  if (errno == EEXIST && std::filesystem::is_directory(path, ignored)) return {};
  return fail(code, with_errno(path.string()));
}

}  // namespace fob
