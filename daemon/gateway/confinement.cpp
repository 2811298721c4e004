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
constexpr std::array<std::string_view, 4> k_loop = {"epoll_pwait2", "timerfd_gettime", "signalfd4", "tgkill"};

confine::Reach reach_of(const config::Config& config) {
  confine::Reach reach;
  reach.readable.assign(https::k_files.begin(), https::k_files.end());
  reach.tcp_ports = {https::k_dns_port};
  for (const auto& [name, settings] : config.gateways) {
    if (settings.ca_file) reach.readable.emplace_back(*settings.ca_file);
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
  return std::string(
      *abi == 0 ? "this kernel has no Landlock, so which files fob-gateway can read is up to its user" : "");
}

}  // namespace fob::gateway
