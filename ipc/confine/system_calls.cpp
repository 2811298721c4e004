#include "ipc/confine/system_calls.hpp"

#include "ipc/base/file.hpp"

#include <array>
#include <cerrno>
#include <memory>
#include <sched.h>
#include <seccomp.h>
#include <string>
#include <sys/ioctl.h>
#include <unistd.h>

namespace fob::confine {
namespace {

// To compute, allocate memory, tell the time, read and write what is open, wait, and end.
constexpr std::array<std::string_view, 72> k_common = {"brk",
                                                       "mmap",
                                                       "mprotect",
                                                       "munmap",
                                                       "mremap",
                                                       "madvise",
                                                       "mlock",
                                                       "mlock2",
                                                       "munlock",
                                                       "membarrier",
                                                       "read",
                                                       "readv",
                                                       "pread64",
                                                       "preadv",
                                                       "write",
                                                       "writev",
                                                       "pwrite64",
                                                       "close",
                                                       "close_range",
                                                       "fstat",
                                                       "newfstatat",
                                                       "stat",
                                                       "lstat",
                                                       "statx",
                                                       "statfs",
                                                       "fstatfs",
                                                       "lseek",
                                                       "fcntl",
                                                       "dup",
                                                       "dup2",
                                                       "dup3",
                                                       "open",
                                                       "openat",
                                                       "readlink",
                                                       "readlinkat",
                                                       "access",
                                                       "faccessat",
                                                       "faccessat2",
                                                       "getdents64",
                                                       "getcwd",
                                                       "poll",
                                                       "ppoll",
                                                       "select",
                                                       "pselect6",
                                                       "pipe2",
                                                       "eventfd2",
                                                       "futex",
                                                       "set_robust_list",
                                                       "rseq",
                                                       "getrandom",
                                                       "clock_gettime",
                                                       "clock_getres",
                                                       "clock_nanosleep",
                                                       "nanosleep",
                                                       "gettimeofday",
                                                       "time",
                                                       "getpid",
                                                       "gettid",
                                                       "getuid",
                                                       "geteuid",
                                                       "getgid",
                                                       "getegid",
                                                       "getgroups",
                                                       "getrlimit",
                                                       "sched_yield",
                                                       "sched_getaffinity",
                                                       "rt_sigaction",
                                                       "rt_sigprocmask",
                                                       "rt_sigreturn",
                                                       "sigaltstack",
                                                       "exit",
                                                       "exit_group"};
constexpr std::array<std::string_view, 3> k_also_common = {"restart_syscall", "uname", "sysinfo"};
// What terminals and sockets are asked for.
constexpr std::array<unsigned long, 4> k_ioctls = {FIONBIO, FIONREAD, TCGETS, TIOCOUTQ};
#ifdef FOB_SANITIZED
constexpr bool k_sanitized = true;
#else
constexpr bool k_sanitized = false;
#endif
constexpr unsigned long k_thread_flags = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND;

struct Free {
  void operator()(void* filter) const { seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, Free>;

Error refused(std::string_view call, int error) {
  errno = -error;
  return fail(ErrorCode::internal, with_errno("a filter for " + std::string(call)));
}

// A call that this machine does not have cannot be made either.
Result<void> allow(const Filter& filter, std::string_view name) {
  const int number = seccomp_syscall_resolve_name(std::string(name).c_str());
  if (number == __NR_SCMP_ERROR) return fail(ErrorCode::internal, "no system call " + std::string(name));
  const int outcome = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, number, 0);
  return outcome == 0 ? Result<void>() : refused(name, outcome);
}

Result<void> allow_all(const Filter& filter, std::span<const std::string_view> names) {
  for (const auto name : names)
    if (const auto allowed = allow(filter, name); !allowed) return allowed;
  return {};
}

Result<void> allow_where(const Filter& filter, int number, std::string_view name,
                         const scmp_arg_cmp& condition) {
  const int outcome = seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, number, 1, &condition);
  return outcome == 0 ? Result<void>() : refused(name, outcome);
}

// glibc falls back to clone(2), whose flags can be looked at, only where clone3(2) seems not to exist.
Result<void> allow_threads(const Filter& filter) {
  const scmp_arg_cmp condition{0, SCMP_CMP_MASKED_EQ, k_thread_flags, k_thread_flags};
  if (const auto allowed = allow_where(filter, SCMP_SYS(clone), "clone", condition); !allowed) return allowed;
  const int outcome = seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
  return outcome == 0 ? Result<void>() : refused("clone3", outcome);
}

Result<void> fill(const Filter& filter, const SystemCalls& calls) {
  for (const auto names : {std::span<const std::string_view>(k_common),
                           std::span<const std::string_view>(k_also_common), calls.allowed})
    if (const auto allowed = allow_all(filter, names); !allowed) return allowed;
  for (const auto request : k_ioctls) {
    const scmp_arg_cmp condition{1, SCMP_CMP_EQ, request, 0};
    if (const auto allowed = allow_where(filter, SCMP_SYS(ioctl), "ioctl", condition); !allowed)
      return allowed;
  }
  for (const int family : calls.socket_families) {
    const scmp_arg_cmp condition{0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(family), 0};
    if (const auto allowed = allow_where(filter, SCMP_SYS(socket), "socket", condition); !allowed)
      return allowed;
  }
  const scmp_arg_cmp of_itself{0, SCMP_CMP_EQ, 0, 0};
  if (const auto allowed = allow_where(filter, SCMP_SYS(prlimit64), "prlimit64", of_itself); !allowed)
    return allowed;
  // abort(3) signals itself, and nobody else may be.
  const scmp_arg_cmp itself{0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(::getpid()), 0};
  if (const auto allowed = allow_where(filter, SCMP_SYS(tgkill), "tgkill", itself); !allowed) return allowed;
  return calls.threads ? allow_threads(filter) : Result<void>();
}

}  // namespace

Result<void> allow_only(const SystemCalls& calls) {
  // A sanitizer makes calls of its own, and many.
  if (k_sanitized) return {};
  const Filter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  if (!filter) return fail(ErrorCode::internal, "no memory for a filter of system calls");
  if (const auto filled = fill(filter, calls); !filled) return filled;
  const int outcome = seccomp_load(filter.get());
  return outcome == 0 ? Result<void>() : refused("seccomp", outcome);
}

}  // namespace fob::confine
