#include "daemon/broker/confinement.hpp"

#include "ipc/confine/landlock.hpp"
#include "ipc/confine/system_calls.hpp"

#include <array>
#include <string_view>
#include <sys/socket.h>

namespace fob::broker {
namespace {

// Users and groups (nsswitch.conf and its plug-ins, on reload), processes, and whose labels the kernel gives.
constexpr std::array k_readable = {"/etc",  "/usr/lib",        "/lib",      "/lib64",
                                   "/proc", "/sys/fs/selinux", "/dev/null", "/sys/module/apparmor"};
// Unix and netlink sockets, their readiness, timers, files in memory, and the ends of children.
constexpr std::array<std::string_view, 36> k_allowed = {"epoll_create1",
                                                        "epoll_ctl",
                                                        "epoll_wait",
                                                        "epoll_pwait",
                                                        "timerfd_create",
                                                        "timerfd_settime",
                                                        "timerfd_gettime",
                                                        "signalfd4",
                                                        "socketpair",
                                                        "connect",
                                                        "accept",
                                                        "accept4",
                                                        "bind",
                                                        "listen",
                                                        "getsockname",
                                                        "getpeername",
                                                        "getsockopt",
                                                        "setsockopt",
                                                        "sendto",
                                                        "sendmsg",
                                                        "recvfrom",
                                                        "recvmsg",
                                                        "shutdown",
                                                        "unlink",
                                                        "unlinkat",
                                                        "memfd_create",
                                                        "ftruncate",
                                                        "wait4",
                                                        "waitid",
                                                        "pidfd_open",
                                                        "pidfd_send_signal",
                                                        "umask",
                                                        "setrlimit",
                                                        "getppid",
                                                        "epoll_pwait2",
                                                        "flock"};
// Not the network's families; netlink tells of links and routes.
constexpr std::array k_families = {AF_UNIX, AF_NETLINK};

}  // namespace

Result<std::string> confine_broker(const config::Locations& at) {
  confine::Reach reach;
  reach.readable.assign(k_readable.begin(), k_readable.end());
  reach.readable.push_back(at.config_file.parent_path());
  reach.writable = {"/dev/null"};
  reach.removable = {at.runtime_dir};
  const auto abi = confine::limit_reach(reach);
  if (!abi) return abi.error();
  if (const auto allowed = confine::allow_only({k_allowed, k_families, false}); !allowed)
    return allowed.error();
  return std::string(*abi == 0 ? "this kernel has no Landlock, so which files fobd can read is up to its user"
                               : "");
}

}  // namespace fob::broker
