#include "daemon/config/gateway_checks.hpp"

#include "daemon/config/boosted.hpp"
#include "daemon/config/endpoint.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>

#include <algorithm>

namespace fob::config {
namespace {

constexpr std::size_t k_max_pair_part = 256;

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

bool is_visible(char c) { return c > 0x20 && c < 0x7f; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

// Parts of a route's path are compared as they stand, so nothing may stand there that a server reads in
// another way.
bool is_plain_part(std::string_view part) {
  constexpr std::string_view k_others = "-._~!$&'()+,=:@";
  return part != "." && part != ".." && std::all_of(part.begin(), part.end(), [&](char c) {
           const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || is_upper(c);
           return alphanumeric || k_others.find(c) != k_others.npos;
         });
}

bool is_pattern(std::string_view path) {
  if (!path.starts_with('/')) return false;
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    const bool last = end == path.size();
    if (part.empty() || !(part == "*" || (part == "**" && last) || is_plain_part(part))) return false;
    path.remove_prefix(end);
  }
  return true;
}

}  // namespace

Result<LoopbackAddress> parse_listen(std::string_view text) {
  const Error wrong = fail(ErrorCode::config,
                           quoted(text) + " is not a port on loopback; write 127.0.0.1:PORT or [::1]:PORT");
  const auto parsed = boost::urls::parse_authority(boosted(text));
  if (!parsed || parsed->has_userinfo() || parsed->port_number() == 0) return wrong;
  std::string host(parsed->host_address());
  if (host != "::1" && (host == "localhost" || !is_loopback_host(host))) return wrong;
  return LoopbackAddress{std::move(host), parsed->port_number()};
}

Result<void> check_listen(std::string_view text) {
  if (const auto parsed = parse_listen(text); !parsed) return parsed.error();
  return {};
}

Result<void> check_upstream(std::string_view text) {
  if (auto checked = check_endpoint(text); !checked) return checked;
  const auto url = boost::urls::parse_uri(boosted(text));
  if (url->has_query() || url->has_fragment() || text.ends_with('/'))
    return fail(ErrorCode::config,
                quoted(text) + ": write it without a query and without a slash at its end");
  return {};
}

std::string base_of(std::string_view text) {
  const auto url = boost::urls::parse_uri(boosted(text));
  return url ? std::string(url->encoded_origin()) : "";
}

Result<void> check_origin(std::string_view text) {
  const auto url = boost::urls::parse_uri(boosted(text));
  const bool plain = url && (url->scheme() == "https" || url->scheme() == "http") && !url->has_userinfo() &&
                     !url->host().empty() && url->encoded_origin() == boosted(text) &&
                     std::none_of(text.begin(), text.end(), is_upper);
  if (plain) return {};
  return fail(ErrorCode::config, quoted(text) +
                                     " is not an origin; write https://HOST or https://HOST:PORT, in "
                                     "lower case and without a path");
}

Result<void> check_route(std::string_view text) {
  const auto space = std::min(text.find(' '), text.size());
  const std::string_view method = text.substr(0, space), path = text.substr(std::min(space + 1, text.size()));
  if (!method.empty() && std::all_of(method.begin(), method.end(), is_upper) && is_pattern(path)) return {};
  return fail(ErrorCode::config, quoted(text) + " is not a route; write \"GET /v1/vps/map/*\"");
}

Result<void> check_user(std::string_view text) {
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_visible)) return {};
  return fail(ErrorCode::config, quoted(text) + " is not a user; write a name or a number");
}

Result<void> check_pair_part(std::string_view text) {
  const bool fits = !text.empty() && text.size() <= k_max_pair_part && text.find(':') == text.npos &&
                    std::all_of(text.begin(), text.end(), is_visible);
  if (fits) return {};
  return fail(ErrorCode::config, "write 1 to 256 visible ASCII characters without a colon");
}

}  // namespace fob::config
