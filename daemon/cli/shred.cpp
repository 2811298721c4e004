#include "daemon/cli/shred.hpp"

#include "daemon/cli/tty_prompt.hpp"
#include "ipc/base/file.hpp"
#include "ipc/base/unique_fd.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fob::cli {
namespace {

Error failed(const std::filesystem::path& file) {
  return fail(ErrorCode::internal, with_errno("cannot shred " + file.string()));
}

// Random bytes over the first `size`, in place.
bool overwrite(int fd, off_t size) {
  std::array<unsigned char, 4096> noise{};
  for (off_t at = 0; at < size;) {
    randombytes_buf(noise.data(), noise.size());
    const auto most = std::min<off_t>(size - at, static_cast<off_t>(noise.size()));
    const ssize_t n = ::pwrite(fd, noise.data(), static_cast<std::size_t>(most), at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    at += n;
  }
  return ::fsync(fd) == 0;
}

bool wants_it(const std::filesystem::path& file) {
  auto prompt = TtyPrompt::open();
  if (!prompt) return false;
  const auto answer = prompt->ask("Shred " + file.string() + " now? [y/N] ", Echo::on);
  return answer && (answer->reveal() == "y" || answer->reveal() == "yes" || answer->reveal() == "Y");
}

}  // namespace

bool others_can_read(int fd) {
  struct stat facts {};
  return ::fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) && (facts.st_mode & (S_IRWXG | S_IRWXO)) != 0;
}

Result<void> shred(const std::filesystem::path& file) {
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK));
  struct stat facts {};
  if (!fd || ::fstat(fd.get(), &facts) != 0) return failed(file);
  if (!S_ISREG(facts.st_mode)) return fail(ErrorCode::internal, file.string() + " is not a regular file");
  if (!overwrite(fd.get(), facts.st_size)) return failed(file);
  return remove_file(file, ErrorCode::internal);
}

void offer_to_shred(const std::filesystem::path& file, const std::function<void(const std::string&)>& say) {
  if (file == "-" || ::isatty(STDIN_FILENO) != 1) return;
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK));
  if (!fd || !others_can_read(fd.get()) || !wants_it(file)) return;
  const auto shredded = shred(file);
  say(shredded ? file.string() + " is overwritten and deleted" : shredded.error().detail);
}

}  // namespace fob::cli
