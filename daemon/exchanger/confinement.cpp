#include "daemon/exchanger/confinement.hpp"

#include "daemon/config/endpoint.hpp"
#include "daemon/https/needs.hpp"
#include "ipc/confine/landlock.hpp"
#include "ipc/confine/system_calls.hpp"

namespace fob::exchanger {
namespace {

confine::Reach reach_of(const HttpRequest& request, const config::Locations& at) {
  confine::Reach reach;
  reach.readable.assign(https::k_files.begin(), https::k_files.end());
  reach.readable.push_back(at.config_file.parent_path());
  if (const auto handed = config::process_environment("CREDENTIALS_DIRECTORY"))
    reach.readable.emplace_back(*handed);
  reach.tcp_ports = {config::port_of(request.url), https::k_dns_port};
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
  return confine::allow_only({https::k_calls, https::k_families, true});
}

}  // namespace fob::exchanger
