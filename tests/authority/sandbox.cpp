#include "tests/authority/sandbox.hpp"

#include <algorithm>

namespace fob::authority {
namespace {

// Images of a query: the vendor's own bound is not known; SDKs send one to a few JPEGs.
constexpr std::size_t k_max_api_body = 16 * 1024 * 1024;

/// What every HTTP answer of the sandbox has.
void finish(Response& response, WallTime now) {
  response.headers.emplace_back("Date", http_date(std::chrono::floor<std::chrono::seconds>(now)));
  response.headers.emplace_back("Fob-Sandbox", "not-for-production");
}

/// Two of these and two readers of one request might each believe another.
bool is_ambiguous(const Request& request) {
  return request.count("Authorization") > 1 || request.count("Origin") > 1 || request.count("Host") > 1;
}

}  // namespace

std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view path) {
  std::vector<std::string> holes;
  while (true) {
    const auto wanted = pattern.substr(0, pattern.find('/'));
    const auto given = path.substr(0, path.find('/'));
    if (wanted == "{}" && !given.empty())
      holes.emplace_back(given);
    else if (wanted != given)
      return std::nullopt;
    const bool pattern_ends = wanted.size() == pattern.size();
    const bool path_ends = given.size() == path.size();
    if (pattern_ends || path_ends) return pattern_ends && path_ends ? std::optional(holes) : std::nullopt;
    pattern.remove_prefix(wanted.size() + 1);
    path.remove_prefix(given.size() + 1);
  }
}

Area Sandbox::area_of(const Request& request) {
  const auto path = request.path();
  if (is_token_path(path)) return Area::token;
  if (path.starts_with("/sandbox/")) return Area::admin;
  if (is_portal_path(path)) return Area::portal;
  return is_api_path(path) ? Area::api : Area::none;
}

BodyRule Sandbox::body_rule(Area area) {
  if (area == Area::api || area == Area::none) return {k_max_api_body, false};
  return {k_max_small_body, true};
}

std::optional<Fault> Sandbox::take_fault(const Request& request) {
  const auto area = area_of(request);
  auto& fault = world_.fault;
  // A browser's preflight is not what a fault is meant for, and must not use up its count.
  if (!fault || request.method == "OPTIONS" ||
      !((area == Area::token && fault->on_token) || (area == Area::api && fault->on_api)))
    return std::nullopt;
  Fault taken = *fault;
  if (fault->count && --*fault->count == 0) fault.reset();
  return taken;
}

Response Sandbox::answer(const Request& request, const std::optional<Fault>& fault) {
  const auto time = now();
  Response response =
      is_ambiguous(request) ? error_response(400, "A header is given twice") : routed(request, time, fault);
  finish(response, time);
  return response;
}

Response Sandbox::routed(const Request& request, WallTime now, const std::optional<Fault>& fault) {
  auto& stats = world_.stats;
  const auto area = area_of(request);
  if (request.method != "OPTIONS") {
    if (area == Area::token) ++stats.token.total;
    if (area == Area::api) ++stats.api.total;
  }
  if (fault) {
    if (auto instead = answer_instead(*fault)) {
      ++(area == Area::token ? stats.token.faulted : stats.api.faulted);
      return *instead;
    }
  }
  if (area == Area::token) return answer_token(world_, request, now, fault);
  if (area == Area::api) return answer_api(world_, request, now);
  if (area == Area::admin) return answer_admin(world_, request, now);
  if (area == Area::portal) return answer_portal(world_, request, now);
  if (request.path() == k_redirect_trap) ++stats.redirects_followed;
  return error_response(404, "No such route");
}

Response Sandbox::refuse(int status, std::string_view text) const {
  Response response = error_response(status, text);
  finish(response, now());
  return response;
}

Sandbox::Attendance::Attendance(Sandbox& sandbox, Area area)
    : stats_(area == Area::token ? &sandbox.world_.stats.token : nullptr) {
  if (stats_ == nullptr) return;
  ++stats_->in_flight;
  stats_->most_in_flight = std::max(stats_->most_in_flight, stats_->in_flight);
}

Sandbox::Attendance::~Attendance() {
  if (stats_ != nullptr) --stats_->in_flight;
}

}  // namespace fob::authority
