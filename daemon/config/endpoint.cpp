#include "daemon/config/endpoint.hpp"

#include "daemon/config/boosted.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>

#include <string>

namespace fob::config {

bool is_loopback_host(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host == "localhost" || host == "::1") return true;
  const auto v4 = boost::urls::parse_ipv4_address(boosted(host));
  return v4 && v4->is_loopback();
}

Result<void> check_endpoint(std::string_view text) {
  const std::string quoted = "\"" + std::string(text) + "\"";
  const auto url = boost::urls::parse_absolute_uri(boosted(text));
  if (!url || url->host().empty())
    return fail(ErrorCode::config, quoted + " is not a URL; write https://HOST/PATH");
  if (url->has_userinfo())
    return fail(ErrorCode::config,
                "the endpoint must not hold a user or password; a credential belongs into the store "
                "(fob credential add)");
  if (url->scheme() == "https") return {};
  if (url->scheme() != "http") return fail(ErrorCode::config, quoted + " must start with https://");
  if (is_loopback_host(std::string(url->host()))) return {};
  return fail(ErrorCode::config, quoted +
                                     " would send the credential in clear; use https:// (plain http is for "
                                     "localhost, 127.0.0.1 and [::1] only)");
}

Result<void> check_proxy(std::string_view text) {
  const auto url = boost::urls::parse_uri_reference(boosted(text));
  const bool known =
      url && (url->scheme() == "http" || url->scheme() == "https" || url->scheme() == "socks5h");
  if (known && !url->host().empty()) return {};
  return fail(ErrorCode::config, "proxy must be http://HOST:PORT, https://HOST:PORT or socks5h://HOST:PORT");
}

std::uint16_t port_of(std::string_view text) {
  const auto url = boost::urls::parse_uri_reference(boosted(text));
  if (!url) return 0;
  if (url->port_number() != 0) return url->port_number();
  if (url->scheme() == "https") return 443;
  // libcurl's default for a proxy that names no port.
  return url->scheme() == "http" ? 80 : 1080;
}

std::string without_password(std::string_view text) {
  auto parsed = boost::urls::parse_uri_reference(boosted(text));
  if (!parsed || !parsed->has_userinfo()) return std::string(text);
  boost::urls::url url(*parsed);
  url.set_encoded_userinfo("***");
  return std::string(url.c_str());
}

std::string host_of(std::string_view url) {
  const auto parsed = boost::urls::parse_uri(boosted(url));
  return parsed ? std::string(parsed->encoded_host()) : std::string(url);
}

}  // namespace fob::config
