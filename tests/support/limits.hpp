// What a process may have, taken away for a moment: no descriptor more, or no byte more in any file.
#pragma once

#include "ipc/base/unique_fd.hpp"

#include <csignal>
#include <fcntl.h>
#include <stdexcept>
#include <sys/resource.h>

namespace fob::test {

class LowLimit {
 public:
  LowLimit(const LowLimit&) = delete;
  LowLimit& operator=(const LowLimit&) = delete;
  ~LowLimit() { ::setrlimit(what_, &before_); }

 protected:
  LowLimit(decltype(RLIMIT_NOFILE) what, rlim_t most) : what_(what) {
    if (::getrlimit(what, &before_) != 0) throw std::runtime_error("getrlimit");
    const rlimit low{most, before_.rlim_max};
    if (::setrlimit(what, &low) != 0) throw std::runtime_error("setrlimit");
  }

 private:
  decltype(RLIMIT_NOFILE) what_;
  rlimit before_{};
};

/// Where there are none, UBSan finds fault with sound calls: it looks through a pipe whether memory is there.
#ifdef FOB_SANITIZED
inline constexpr bool k_can_lack_descriptors = false;
#else
inline constexpr bool k_can_lack_descriptors = true;
#endif

/// At most `more` descriptors beside those that are open.
class FewDescriptors : LowLimit {
 public:
  explicit FewDescriptors(rlim_t more = 0) : LowLimit(RLIMIT_NOFILE, next() + more) {}

 private:
  static rlim_t next() {
    const UniqueFd lowest(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    return static_cast<rlim_t>(lowest.get());
  }
};

/// As where a disk is full.
class FullDisk : LowLimit {
 public:
  FullDisk() : LowLimit(RLIMIT_FSIZE, 0), before_(std::signal(SIGXFSZ, SIG_IGN)) {}
  ~FullDisk() { std::signal(SIGXFSZ, before_); }

 private:
  void (*before_)(int);
};

}  // namespace fob::test
