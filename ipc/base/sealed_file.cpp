#include "ipc/base/sealed_file.hpp"

#include "ipc/base/file.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

// In kernels since 6.3 and not in Debian 12's headers: the file can never be executed.
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace fob {
namespace {

constexpr int k_seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

bool write_whole(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno != EINTR) return false;
    if (n > 0) content.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

UniqueFd make_memory_file(const char* name) {
  constexpr unsigned k_flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  UniqueFd file(::memfd_create(name, k_flags | MFD_NOEXEC_SEAL));
  if (!file && errno == EINVAL) file.reset(::memfd_create(name, k_flags));
  return file;
}

Result<UniqueFd> make_sealed_file(const char* name, std::string_view content) {
  UniqueFd file = make_memory_file(name);
  if (!file || !write_whole(file.get(), content) || ::fcntl(file.get(), F_ADD_SEALS, k_seals) != 0)
    return fail(ErrorCode::internal, with_errno("a file in memory"));
  return file;
}

Result<std::string> read_sealed_file(int fd, std::size_t limit) {
  const auto refuse = [](const char* why) { return fail(ErrorCode::bad_answer, why); };
  struct stat facts {};
  if (::fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) return refuse("it is not a file");
  if (facts.st_uid != ::geteuid()) return refuse("it belongs to another user");
  const int seals = ::fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & k_seals) != k_seals) return refuse("it is not sealed");
  if (facts.st_size < 0 || static_cast<std::size_t>(facts.st_size) > limit) return refuse("it is too large");
  std::string content(static_cast<std::size_t>(facts.st_size), '\0');
  for (std::size_t done = 0; done < content.size();) {
    const ssize_t n = ::pread(fd, content.data() + done, content.size() - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return refuse("it cannot be read");
    done += static_cast<std::size_t>(n);
  }
  return content;
}

}  // namespace fob
