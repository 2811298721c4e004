// What a process needs of the kernel for requests by libcurl, once it has confined itself: files to read,
// calls to make, kinds of sockets to open.
#pragma once

#include <array>
#include <string_view>
#include <sys/socket.h>

namespace fob::https {

/// The resolver's and OpenSSL's configuration, certificates and plug-ins; where resolv.conf often points to.
inline constexpr std::array k_files = {"/etc",
                                       "/usr",
                                       "/lib",
                                       "/lib64",
                                       "/proc/self",
                                       "/dev/null",
                                       "/dev/random",
                                       "/dev/urandom",
                                       "/run/systemd/resolve",
                                       "/run/NetworkManager",
                                       "/run/resolvconf",
                                       "/run/nscd",
                                       "/var/lib/ca-certificates"};

/// Sockets and their readiness; accepting is for who is asked by a socket itself.
inline constexpr std::array<std::string_view, 25> k_calls = {
    "connect",        "accept",          "accept4",    "bind",       "getsockname",
    "getpeername",    "getsockopt",      "setsockopt", "sendto",     "sendmsg",
    "sendmmsg",       "recvfrom",        "recvmsg",    "recvmmsg",   "shutdown",
    "socketpair",     "epoll_create1",   "epoll_ctl",  "epoll_wait", "epoll_pwait",
    "timerfd_create", "timerfd_settime", "setrlimit",  "umask",      "getppid"};

inline constexpr std::array k_families = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK};

inline constexpr unsigned short k_dns_port = 53;

}  // namespace fob::https
