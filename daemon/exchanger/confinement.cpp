#include "daemon/exchanger/confinement.hpp"

#include "daemon/config/endpoint.hpp"
#include "ipc/confine/landlock.hpp"
#include "ipc/confine/system_calls.hpp"

#include <array>
#include <string_view>
#include <sys/socket.h>

namespace fob::exchanger {
namespace {

constexpr std::uint16_t k_dns = 53;
// The resolver's and OpenSSL's configuration, certificates and plug-ins; where resolv.conf often points to.
constexpr std::array k_readable = {"/etc",
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
// Sockets and their readiness; for the next request of a socket unit's, to accept and answer it.
constexpr std::array<std::string_view, 25> k_allowed = {
    "connect",        "accept",          "accept4",    "bind",       "getsockname",
    "getpeername",    "getsockopt",      "setsockopt", "sendto",     "sendmsg",
    "sendmmsg",       "recvfrom",        "recvmsg",    "recvmmsg",   "shutdown",
    "socketpair",     "epoll_create1",   "epoll_ctl",  "epoll_wait", "epoll_pwait",
    "timerfd_create", "timerfd_settime", "setrlimit",  "umask",      "getppid"};
constexpr std::array k_families = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK};

confine::Reach reach_of(const HttpRequest& request, const config::Locations& at) {
  confine::Reach reach;
  reach.readable.assign(k_readable.begin(), k_readable.end());
  reach.readable.push_back(at.config_file.parent_path());
  if (const auto handed = config::process_environment("CREDENTIALS_DIRECTORY"))
    reach.readable.emplace_back(*handed);
  reach.tcp_ports = {config::port_of(request.url), k_dns};
  if (request.proxy) reach.tcp_ports.push_back(config::port_of(*request.proxy));
  reach.alone = true;
  return reach;
}

}  // namespace

Result<void> confine_to(const HttpRequest& request, const config::Locations& at) {
  static bool confined = false;
  if (confined) return {};
  confined = true;
  if (const auto limited = confine::limit_reach(reach_of(request, at)); !limited) return limited.error();
  return confine::allow_only({k_allowed, k_families, true});
}

}  // namespace fob::exchanger
