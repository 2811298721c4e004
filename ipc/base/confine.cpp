#include "ipc/base/confine.hpp"

#include <cerrno>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <system_error>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FOB_ADDRESS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(FOB_ADDRESS_SANITIZER)
// The leak checker reads a process by ptrace, which forbid_dumps() denies it: programs that give dumps up do
// without.
extern "C" const char*
__asan_default_options();  // NOLINT(bugprone-reserved-identifier): the sanitizer's name for it
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }
#endif

namespace fob {

void forbid_dumps() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0 || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot forbid core dumps");
}

void keep_out_of_swap() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY) return;
  // ONFAULT: what is touched, not the tens of megabytes that are merely mapped.
  ::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

unsigned long raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  if (limit.rlim_cur < limit.rlim_max) {
    const rlimit raised{limit.rlim_max, limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return raised.rlim_cur;
  }
  return limit.rlim_cur;
}

}  // namespace fob
