#include "daemon/fleet/pending_file.hpp"

#include "daemon/fleet/limits.hpp"
#include "ipc/base/file.hpp"

#include <sodium.h>

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace fob::fleet {
namespace {

Error failed(const std::filesystem::path& path) {
  return fail(ErrorCode::internal, with_errno("cannot write " + path.string()));
}

Result<void> sync_directory_of(const std::filesystem::path& path) {
  const auto directory = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return failed(directory);
  return {};
}

}  // namespace

PendingFile::PendingFile(std::filesystem::path target, std::filesystem::path temporary, UniqueFd fd)
    : target_(std::move(target)), temporary_(std::move(temporary)), fd_(std::move(fd)) {
  buffer_.reserve(k_chunk);
}

Result<PendingFile> PendingFile::beside(const std::filesystem::path& target) {
  std::filesystem::path temporary = target.string() + ".tmp" + std::to_string(randombytes_random());
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd) return failed(temporary);
  return PendingFile(target, std::move(temporary), std::move(fd));
}

PendingFile::~PendingFile() {
  if (fd_) ::unlink(temporary_.c_str());
}

Result<void> PendingFile::append(std::span<const unsigned char> bytes) {
  if (buffer_.size() + bytes.size() > k_chunk)
    if (auto flushed = flush(); !flushed) return flushed;
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  return {};
}

Result<void> PendingFile::flush() {
  for (std::span<const unsigned char> rest = buffer_; !rest.empty();) {
    const ssize_t n = ::write(fd_.get(), rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(temporary_);
    rest = rest.subspan(static_cast<std::size_t>(n));
  }
  buffer_.clear();
  return {};
}

Result<void> PendingFile::commit() {
  if (auto flushed = flush(); !flushed) return flushed;
  // fchmod, since the umask has had its say in open(2).
  if (::fchmod(fd_.get(), 0644) != 0 || ::fsync(fd_.get()) != 0 ||
      ::rename(temporary_.c_str(), target_.c_str()) != 0)
    return failed(target_);
  fd_.reset();
  return sync_directory_of(target_);
}

}  // namespace fob::fleet
