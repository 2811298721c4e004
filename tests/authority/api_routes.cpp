// The vendor's API as far as a client can see it: each route with its scope in one table, the checks before
// it, and small plausible answers after it. Bodies are images that nobody looks at.
#include "ipc/wire/json.hpp"
#include "tests/authority/jwt.hpp"
#include "tests/authority/routes.hpp"

#include <algorithm>
#include <array>

namespace fob::authority {
namespace {

using Holes = std::vector<std::string>;

Json pose(const Request&, const Holes&) {
  return {{"poseFound", true},
          {"position", {{"x", 1.25}, {"y", 0.04}, {"z", -3.5}}},
          {"rotation", {{"x", 0.0}, {"y", 0.7071}, {"z", 0.0}, {"w", 0.7071}}},
          {"confidence", 0.87},
          {"mapIds", {"5d0f9a52-6a0e-4f0c-9d9b-6f2c7a1b0001"}}};
}
Json item(const Request&, const Holes& holes) {
  return {{"id", holes.front()}, {"code", holes.front()}, {"name", "Sandbox hall"}, {"status", "active"}};
}
Json list(const Request&, const Holes&) { return {{"data", Json::array()}, {"total", 0}}; }
Json file(const Request& request, const Holes&) {
  return {{"url", "https://files.invalid/?" + std::string(request.query())}};
}
Json upload(const Request&, const Holes&) {
  return {{"mapId", "5d0f9a52-6a0e-4f0c-9d9b-6f2c7a1b0002"}, {"uploadUrls", Json::array()}};
}
Json done(const Request&, const Holes& holes) { return {{"id", holes.front()}, {"message", "Done"}}; }

struct ApiRoute {
  std::string_view method;
  std::string_view pattern;
  std::string_view scope;
  Json (*answer)(const Request&, const Holes&);
};

// The vendor's routes and the scope that each takes. What is not here is refused.
constexpr std::array k_api_routes = {
    ApiRoute{"POST", "/v1/vps/map/query-form", "query", pose},
    ApiRoute{"POST", "/v1/vps/map/query", "query", pose},
    ApiRoute{"POST", "/v1/vps/map/multi-image-query", "query", pose},
    ApiRoute{"POST", "/v1/vps/object/query", "query", pose},
    ApiRoute{"GET", "/v1/vps/map", "query", list},
    ApiRoute{"GET", "/v1/vps/map/{}", "query", item},
    ApiRoute{"GET", "/v1/vps/map-set", "query", list},
    ApiRoute{"GET", "/v1/vps/map-set/{}", "query", item},
    ApiRoute{"GET", "/v1/vps/object", "query", list},
    ApiRoute{"GET", "/v1/file", "query", file},
    ApiRoute{"POST", "/v2/vps/map", "write", upload},
    ApiRoute{"POST", "/v2/vps/map/complete-upload/{}", "write", done},
    ApiRoute{"POST", "/v1/vps/map/{}/georeference", "write", done},
    ApiRoute{"DELETE", "/v1/vps/map/{}", "delete", done},
};

/// The token of `Authorization: Bearer …` (RFC 6750 §2.1).
std::string_view bearer(const Request& request) {
  constexpr std::string_view k_scheme = "Bearer ";
  const auto value = request.header("Authorization").value_or("");
  if (!equal_ignoring_case(value.substr(0, k_scheme.size()), k_scheme)) return {};
  return value.substr(k_scheme.size());
}

Response unauthorized(std::string_view text, std::string_view challenge) {
  Response response = error_response(401, text);
  response.headers.emplace_back("WWW-Authenticate", challenge);
  return response;
}

/// The checks in the vendor's order; the first that fails answers.
Response answer_checked(World& world, const Request& request, WallTime now) {
  auto& stats = world.stats.api;
  const auto origin = request.header("Origin");
  if (origin && !world.account.allows_origin(*origin)) {
    ++stats.foreign_origin;
    return error_response(403, "Origin not allowed");
  }
  const auto found = find_route(k_api_routes, request.method, request.path());
  if (found.row == nullptr) {
    ++stats.malformed;
    return method_not_allowed(found.allowed);
  }
  const auto claims = verify(bearer(request), world.account.key());
  if (!claims) {
    ++stats.unauthorized;
    return unauthorized("Invalid or missing token", "Bearer realm=\"fob-sandbox\"");
  }
  // Dead from the very instant of its expiry. Whether the credential still exists is not asked: as with the
  // vendor, a token outlives the deactivation of what it was issued to.
  if (now >= claims->expires) {
    ++stats.unauthorized;
    return unauthorized("Token expired", "Bearer realm=\"fob-sandbox\", error=\"invalid_token\"");
  }
  if (std::find(claims->scopes.begin(), claims->scopes.end(), found.row->scope) == claims->scopes.end()) {
    ++stats.out_of_scope;
    return error_response(403, "Insufficient scope permissions for this endpoint");
  }
  ++stats.accepted;
  return json_response(200, found.row->answer(request, found.holes));
}

}  // namespace

bool is_api_path(std::string_view path) { return !find_route(k_api_routes, "", path).allowed.empty(); }

void allow_origin(const Account& account, const Request& request, Response& response) {
  const auto origin = request.header("Origin");
  if (!origin) return;
  response.headers.emplace_back("Vary", "Origin");
  if (account.allows_origin(*origin)) response.headers.emplace_back("Access-Control-Allow-Origin", *origin);
}

Response answer_preflight(const Account& account, const Request& request) {
  if (!account.allows_origin(request.header("Origin").value_or("")))
    return error_response(403, "Origin not allowed");
  Response response{204, {}, ""};
  response.headers.emplace_back("Access-Control-Allow-Methods", "GET, POST, DELETE");
  response.headers.emplace_back("Access-Control-Allow-Headers", "Authorization, Content-Type");
  response.headers.emplace_back("Access-Control-Max-Age", "60");
  return response;
}

Response answer_api(World& world, const Request& request, WallTime now) {
  Response response = request.method == "OPTIONS" ? answer_preflight(world.account, request)
                                                  : answer_checked(world, request, now);
  allow_origin(world.account, request, response);
  return response;
}

}  // namespace fob::authority
