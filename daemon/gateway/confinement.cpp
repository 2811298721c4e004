#include "daemon/gateway/confinement.hpp"

#include "daemon/config/endpoint.hpp"
#include "daemon/https/needs.hpp"
#include "ipc/confine/landlock.hpp"
#include "ipc/confine/system_calls.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace fob::gateway {
namespace {

// Asio's loop, and its end.
constexpr std::array<std::string_view, 3> k_loop = {"epoll_pwait2", "timerfd_gettime", "signalfd4"};
// The resolver's directories in there come and go while this process lives.
constexpr const char* k_changing = "/run";
// Landlock's first ABI that knows of ports (landlock(7)).
constexpr int k_ports_abi = 4;

confine::Reach reach_of(const config::Config& config) {
  confine::Reach reach;
  reach.readable.assign(https::k_files.begin(), https::k_files.end());
  reach.readable.emplace_back(k_changing);
  reach.tcp_ports = {https::k_dns_port};
  for (const auto& [name, settings] : config.gateways) {
    reach.tcp_ports.push_back(config::port_of(settings.upstream));
    const auto& proxy = config.find(*settings.profile)->proxy;
    if (proxy) reach.tcp_ports.push_back(config::port_of(*proxy));
  }
  reach.alone = true;
  return reach;
}

}  // namespace

Result<std::string> confine_gateway(const config::Config& config) {
  const auto abi = confine::limit_reach(reach_of(config));
  if (!abi) return abi.error();
  std::vector<std::string_view> calls(https::k_calls.begin(), https::k_calls.end());
  calls.insert(calls.end(), k_loop.begin(), k_loop.end());
  if (const auto allowed = confine::allow_only({calls, https::k_families, true}); !allowed)
    return allowed.error();
  if (*abi == 0)
    return std::string(
        "this kernel has no Landlock, so what fob-gateway can reach is up to its user and unit");
  return std::string(
      *abi < k_ports_abi
          ? "this kernel's Landlock knows no ports, so to which fob-gateway can connect is up to its unit"
          : "");
}

}  // namespace fob::gateway
