#include "daemon/fleet/bundle_source.hpp"

#include "ipc/base/file.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fob::fleet {
namespace {

Refusal unreadable(std::string detail) { return {Reason::unreadable, std::move(detail)}; }

}  // namespace

Verified<BundleFile> BundleFile::open(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd && errno == ELOOP) return unreadable("it is a symbolic link, which is not followed");
  struct stat facts {};
  if (!fd || ::fstat(fd.get(), &facts) != 0) return unreadable(with_errno(path.string()));
  if (!S_ISREG(facts.st_mode)) return unreadable("it is not a regular file");
  return BundleFile(std::move(fd), static_cast<std::uint64_t>(facts.st_size));
}

Verified<std::size_t> BundleFile::read(std::uint64_t offset, std::span<unsigned char> to) const {
  std::size_t size = 0;
  while (size < to.size()) {
    const ssize_t n =
        ::pread(fd_.get(), to.data() + size, to.size() - size, static_cast<off_t>(offset + size));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return unreadable(with_errno("read"));
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  return size;
}

Verified<std::size_t> BundleBytes::read(std::uint64_t offset, std::span<unsigned char> to) const {
  if (offset >= bytes_.size()) return std::size_t{0};
  const auto rest = bytes_.subspan(static_cast<std::size_t>(offset));
  const std::size_t size = std::min(rest.size(), to.size());
  std::copy_n(rest.begin(), size, to.begin());
  return size;
}

}  // namespace fob::fleet
