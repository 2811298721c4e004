#include "daemon/store/private_file.hpp"

#include "ipc/base/file.hpp"
#include "ipc/base/shell_word.hpp"
#include "ipc/wire/names.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>

namespace fob::store {
namespace {

Error locked(std::string detail) { return fail(ErrorCode::store_locked, std::move(detail)); }

// What must hold of an open file, and how it is said.
struct Demand {
  mode_t kind;              // S_IFDIR or S_IFREG
  mode_t forbidden;         // permission bits that must not be set
  std::string_view noun;    // "a directory"
  std::string_view mended;  // the mode to give to chmod
};
constexpr Demand k_directory{S_IFDIR, 0077, "a directory", "700"};
constexpr Demand k_file{S_IFREG, 0077, "a regular file", "600"};
constexpr Demand k_systemd_file{S_IFREG, 0037, "a regular file", "400"};

Error cannot_open(const std::filesystem::path& path, const Demand& demand) {
  const int reason = errno;
  std::error_code ignored;
  if (std::filesystem::is_symlink(path, ignored))
    return locked(path.string() + " is a symbolic link, which is not followed; put " +
                  std::string(demand.noun) + " in its place");
  if (demand.kind == S_IFDIR && reason == ENOTDIR)
    return locked(path.string() + " is not a directory; move it out of the way");
  const std::string user = std::to_string(::geteuid());
  errno = reason;
  std::string detail = with_errno(path.string());
  if (reason == EACCES)
    detail += " for user " + user + ", who must be able to enter the directories above it too; run: chown " +
              user + " " + in_shell(path.string());
  return locked(std::move(detail));
}

Result<void> check(int fd, const std::filesystem::path& path, const Demand& demand) {
  struct stat facts {};
  if (::fstat(fd, &facts) != 0) return locked(with_errno(path.string()));
  if ((facts.st_mode & S_IFMT) != demand.kind)
    return locked(path.string() + " is not " + std::string(demand.noun) + "; move it out of the way");
  if (facts.st_uid != 0 && facts.st_uid != ::geteuid())
    return locked(path.string() + " belongs to user " + std::to_string(facts.st_uid) +
                  ", who could read or change it; run: chown " + std::to_string(::geteuid()) + " " +
                  in_shell(path.string()));
  if ((facts.st_mode & demand.forbidden) != 0)
    return locked(path.string() + " is open to other users; run: chmod " + std::string(demand.mended) + " " +
                  in_shell(path.string()));
  return {};
}

Result<UniqueFd> open_checked(const std::filesystem::path& path, int flags, const Demand& demand) {
  // O_NONBLOCK, since opening a pipe that someone put there would otherwise wait for ever.
  UniqueFd fd(::open(path.c_str(), flags | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return UniqueFd();
  if (!fd) return cannot_open(path, demand);
  if (const auto checked = check(fd.get(), path, demand); !checked) return checked.error();
  return fd;
}

bool is_leftover(std::string_view name, std::string_view ending) {
  const std::string mark = std::string(ending) + ".tmp";
  const auto at = name.rfind(mark);
  if (at == std::string_view::npos) return false;
  const auto digits = name.substr(at + mark.size());
  return !digits.empty() &&
         std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<UniqueFd> open_private_directory(const std::filesystem::path& path) {
  return open_checked(path, O_DIRECTORY, k_directory);
}

Result<UniqueFd> open_private_file(const std::filesystem::path& path, Sharing sharing) {
  return open_checked(path, 0, sharing == Sharing::systemd ? k_systemd_file : k_file);
}

Result<SecretBytes> read_secret(int fd, std::size_t limit, const std::filesystem::path& path) {
  SecretBytes buffer(limit + 1);
  std::size_t size = 0;
  while (size < buffer.size()) {
    const ssize_t n = ::read(fd, buffer.bytes().data() + size, buffer.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return locked(with_errno(path.string()));
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  if (size > limit)
    return locked(path.string() + " is larger than the " + std::to_string(limit) + " bytes allowed");
  SecretBytes secret(size);
  std::copy_n(buffer.bytes().begin(), size, secret.bytes().begin());
  return secret;
}

Result<std::vector<std::string>> files_of_profiles(const std::filesystem::path& directory,
                                                   std::string_view suffix) {
  std::vector<std::string> profiles;
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    const auto profile = it->path().stem().string();
    if (it->path().extension() == suffix && wire::is_profile_name(profile)) profiles.push_back(profile);
  }
  if (error && error != std::errc::no_such_file_or_directory)
    return locked(directory.string() + ": " + error.message());
  std::sort(profiles.begin(), profiles.end());
  return profiles;
}

void remove_leftovers(const std::filesystem::path& directory, std::string_view ending) {
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error))
    if (is_leftover(it->path().filename().string(), ending)) ::unlink(it->path().c_str());
}

}  // namespace fob::store
