#include "daemon/gateway/rules.hpp"

#include "daemon/config/gateway_checks.hpp"

#include <algorithm>
#include <charconv>

namespace fob::gateway {
namespace {

Verdict refused(int status, std::string why) { return {Kind::refused, status, std::move(why), false, ""}; }

// The first part of a path that begins with a slash, taken away from it.
std::string_view take_part(std::string_view& path) {
  path.remove_prefix(1);
  const auto end = std::min(path.find('/'), path.size());
  const auto part = path.substr(0, end);
  path.remove_prefix(end);
  return part;
}

// Percent-encoded characters that some servers decode before they look at the path: slashes, dots, percent
// signs, controls and what is beyond ASCII.
bool is_harmless_escape(std::string_view digits) {
  unsigned value = 0;
  if (digits.size() != 2) return false;
  const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  constexpr std::string_view k_meaningful = "/\\.%?#;";
  return error == std::errc{} && rest == digits.data() + digits.size() && value > 0x20 && value < 0x7f &&
         k_meaningful.find(static_cast<char>(value)) == k_meaningful.npos;
}

bool is_plain_part(std::string_view part) {
  // Some servers take what follows a semicolon away before they look at the dots.
  const auto name = part.substr(0, part.find(';'));
  if (name.empty() || name == "." || name == "..") return false;
  for (std::size_t i = 0; i < part.size(); ++i) {
    const char c = part[i];
    if (c <= 0x20 || c >= 0x7f || c == '\\' || c == '#') return false;
    if (c == '%' && !is_harmless_escape(part.substr(i + 1, 2))) return false;
  }
  return true;
}

bool contains(const std::vector<std::string>& all, std::string_view one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

bool is_plain_path(std::string_view path) {
  if (!path.starts_with('/')) return false;
  while (!path.empty())
    if (!is_plain_part(take_part(path))) return false;
  return true;
}

bool fits(std::string_view pattern, std::string_view path) {
  while (!pattern.empty() && !path.empty()) {
    const auto wanted = take_part(pattern);
    if (wanted == "**") return true;
    if (const auto part = take_part(path); wanted != "*" && wanted != part) return false;
  }
  return pattern.empty() && path.empty();
}

Rules::Rules(const config::Gateway& gateway)
    : name_(gateway.name), origins_(gateway.origins), routes_(gateway.routes) {
  const auto address = config::parse_listen(gateway.listen);
  if (!address) return;
  const std::string port = ":" + std::to_string(address->port);
  const bool v6 = address->host.find(':') != std::string::npos;
  const std::string own = v6 ? "[" + address->host + "]" : address->host;
  hosts_ = {"localhost" + port, own + port};
  // The scheme's port is left out (RFC 9110 §4.2.3).
  if (address->port == 80) hosts_ = {"localhost" + port, own + port, "localhost", own};
}

Verdict Rules::judge(const Head& head) const {
  // A name that was made to lead here: whoever owns it has the page that asks (DNS rebinding).
  if (!contains(hosts_, head.host))
    return refused(421, "this listener is " + (hosts_.empty() ? "" : hosts_.back()) + ", and not " +
                            (head.host.empty() ? "without a name" : std::string(head.host)));
  const bool page = contains(origins_, head.origin);
  if (!head.origin.empty() && !page)
    return refused(403, "pages of " + std::string(head.origin) + " may not use fob-gateway; see gateway." +
                            name_ + ".origins in fob.toml");
  // Images, links and forms of a foreign page come without an Origin, or with that of the browser.
  if (!page && !head.browser.empty())
    return refused(403, "a browser sent this, and does not say for which origin; use fetch()");
  if (head.method == "OPTIONS" && page && !head.asked_method.empty()) {
    Verdict verdict = judge_route(head, head.asked_method);
    if (verdict.kind == Kind::refused) return verdict;
    return {Kind::preflight, 204, "", true, ""};
  }
  Verdict verdict = judge_route(head, head.method);
  verdict.page = page;
  return verdict;
}

Verdict Rules::judge_route(const Head& head, std::string_view method) const {
  const auto path = head.target.substr(0, head.target.find('?'));
  if (!is_plain_path(path)) return refused(400, "the target must be a plain path, such as /v1/vps/map/query");
  if (path == k_token_path || path == k_oauth_path) {
    if (method != "POST") return refused(405, "POST gets a token here");
    return {path == k_token_path ? Kind::token : Kind::oauth_token, 200, "", false, ""};
  }
  if (auto route = route_of(method, path); !route.empty())
    return {Kind::pass, 200, "", false, std::move(route)};
  return refused(403, std::string(method) + " " + std::string(path) + " is not passed on; see gateway." +
                          name_ + ".routes in fob.toml");
}

std::string Rules::route_of(std::string_view method, std::string_view path) const {
  const auto found = std::find_if(routes_.begin(), routes_.end(), [&](std::string_view route) {
    const auto space = route.find(' ');
    return route.substr(0, space) == method && fits(route.substr(space + 1), path);
  });
  return found == routes_.end() ? "" : *found;
}

}  // namespace fob::gateway
