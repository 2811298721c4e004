#include "daemon/gateway/acceptors.hpp"

#include "daemon/config/gateway_checks.hpp"

#include <algorithm>
#include <optional>
#include <sys/socket.h>
#include <utility>

namespace fob::gateway {
namespace asio = boost::asio;

namespace {

using asio::ip::tcp;

constexpr const char* k_how_to_edit = "; systemctl edit fob-gateway.socket changes what systemd listens at";

Result<tcp::endpoint> endpoint_of(const config::Gateway& settings) {
  const auto address = config::parse_listen(settings.listen);
  if (!address) return address.error();
  return tcp::endpoint(asio::ip::make_address(address->host), address->port);
}

std::string text_of(const tcp::endpoint& endpoint) {
  const auto host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(endpoint.port());
}

// Its address, if it is a TCP socket that listens on loopback.
std::optional<tcp::endpoint> listens_at(const HandedDescriptor& handed) {
  tcp::endpoint endpoint;
  auto size = static_cast<socklen_t>(endpoint.capacity());
  int listens = 0, type = 0;
  socklen_t one = sizeof listens;
  const int fd = handed.fd.get();
  const bool is_listening = ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &one) == 0 &&
                            ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &one) == 0 && listens != 0 &&
                            type == SOCK_STREAM && ::getsockname(fd, endpoint.data(), &size) == 0;
  const int family = endpoint.data()->sa_family;
  if (!is_listening || (family != AF_INET && family != AF_INET6)) return std::nullopt;
  endpoint.resize(size);
  return endpoint.address().is_loopback() ? std::optional(endpoint) : std::nullopt;
}

using Handed = std::map<tcp::endpoint, UniqueFd>;

Result<Handed> by_address(std::vector<HandedDescriptor> all) {
  Handed handed;
  for (auto& one : all) {
    const auto endpoint = listens_at(one);
    if (!endpoint)
      return fail(ErrorCode::config, "the socket \"" + one.name +
                                         "\" that systemd handed over does not listen on loopback by TCP" +
                                         k_how_to_edit);
    handed[*endpoint] = std::move(one.fd);
  }
  return handed;
}

Result<tcp::acceptor> listen_at(asio::io_context& io, const config::Gateway& settings,
                                const tcp::endpoint& endpoint, bool activated) {
  tcp::acceptor acceptor(io);
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (!error) return acceptor;
  std::string why = "gateway." + settings.name + ".listen: " + settings.listen + ": " + error.message();
  if (activated) why += "; systemd does not listen there" + std::string(k_how_to_edit);
  return fail(ErrorCode::config, std::move(why));
}

}  // namespace

Result<Acceptors> open_acceptors(asio::io_context& io, const config::Config& config,
                                 std::vector<HandedDescriptor> all) {
  const bool activated = !all.empty();
  auto handed = by_address(std::move(all));
  if (!handed) return handed.error();
  Acceptors acceptors;
  for (const auto& [name, settings] : config.gateways) {
    const auto endpoint = endpoint_of(settings);
    if (!endpoint) return endpoint.error();
    auto found = handed->extract(*endpoint);
    if (found) {
      tcp::acceptor acceptor(io, endpoint->protocol(), found.mapped().release());
      acceptors.emplace(name, std::move(acceptor));
      continue;
    }
    auto own = listen_at(io, settings, *endpoint, activated);
    if (!own) return own.error();
    acceptors.emplace(name, std::move(*own));
  }
  if (handed->empty()) return acceptors;
  return fail(ErrorCode::config, "systemd listens at " + text_of(handed->begin()->first) +
                                     ", and no [gateway.NAME] has that as `listen`" + k_how_to_edit);
}

}  // namespace fob::gateway
