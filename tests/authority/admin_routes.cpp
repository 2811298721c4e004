// The sandbox's own controls, under /sandbox/. Whoever reaches the port may use them, and a page in a browser
// on this machine could too: so a header is demanded that a page cannot send without a preflight, which is
// never granted here, and a Host that no foreign name rebound to 127.0.0.1 has.
#include "ipc/wire/json.hpp"
#include "tests/authority/routes.hpp"

#include <array>

namespace fob::authority {
namespace {

struct Call {
  Json body;  ///< an object; empty where none was sent
  std::vector<std::string> holes;
  WallTime now;
};

Response refused(const Error& error) { return error_response(traits(error.code).http_status, error.detail); }

/// The member `name` as a list of texts; nothing if it is anything else.
std::optional<std::vector<std::string>> texts(const Json& body, const char* name) {
  const auto found = body.find(name);
  if (found == body.end() || !found->is_array()) return std::nullopt;
  std::vector<std::string> out;
  for (const auto& item : *found) {
    if (!item.is_string()) return std::nullopt;
    out.push_back(item.get<std::string>());
  }
  return out;
}

Response create_credential(World& world, const Call& call) {
  if (const auto stranger = wire::unknown_member(call.body, {"name", "scopes"}))
    return error_response(400, "unknown member: " + *stranger);
  const auto name = wire::string_member(call.body, "name");
  auto scopes = texts(call.body, "scopes");
  if (!name || !scopes) return error_response(400, R"(expected {"name":"…","scopes":["query",…]})");
  const auto created = world.account.create(*name, std::move(*scopes), call.now);
  if (!created) return refused(created.error());
  return json_response(201, to_json(*created));
}

Response list_credentials(World& world, const Call&) {
  Json list = Json::array();
  for (const auto& credential : world.account.credentials().all()) list.push_back(to_json(credential));
  return json_response(200, {{"credentials", std::move(list)}});
}

Response set_active(World& world, const Call& call, bool active) {
  const auto credential = world.account.set_active(call.holes.front(), active);
  return credential ? json_response(200, to_json(*credential)) : refused(credential.error());
}
Response activate(World& world, const Call& call) { return set_active(world, call, true); }
Response deactivate(World& world, const Call& call) { return set_active(world, call, false); }

Response delete_credential(World& world, const Call& call) {
  const auto removed = world.account.remove(call.holes.front());
  return removed ? Response{204, {}, ""} : refused(removed.error());
}

Response show_domains(World& world, const Call&) {
  return json_response(200, {{"domains", world.account.domains()}});
}

Response set_domains(World& world, const Call& call) {
  auto domains = texts(call.body, "domains");
  if (!domains) return error_response(400, R"(expected {"domains":["https://…",…]})");
  const auto set = world.account.set_domains(std::move(*domains));
  return set ? show_domains(world, call) : refused(set.error());
}

Response show_stats(World& world, const Call&) { return json_response(200, to_json(world.stats)); }

Response reset_stats(World& world, const Call&) {
  world.stats.reset();
  return {204, {}, ""};
}

Response show_settings(World& world, const Call&) { return json_response(200, to_json(world.settings)); }

Response set_settings(World& world, const Call& call) {
  const auto settings = changed(world.settings, call.body);
  if (!settings) return refused(settings.error());
  world.settings = *settings;
  return show_settings(world, call);
}

Response show_fault(World& world, const Call&) {
  return json_response(200, {{"fault", world.fault ? to_json(*world.fault) : Json(nullptr)}});
}

Response set_fault(World& world, const Call& call) {
  auto fault = parse_fault(call.body);
  if (!fault) return refused(fault.error());
  world.fault = std::move(*fault);
  return show_fault(world, call);
}

Response remove_fault(World& world, const Call&) {
  world.fault.reset();
  return {204, {}, ""};
}

struct AdminRoute {
  std::string_view method;
  std::string_view pattern;
  Response (*answer)(World&, const Call&);
};

constexpr std::array k_admin_routes = {
    AdminRoute{"POST", "/sandbox/credentials", create_credential},
    AdminRoute{"GET", "/sandbox/credentials", list_credentials},
    AdminRoute{"POST", "/sandbox/credentials/{}/activate", activate},
    AdminRoute{"POST", "/sandbox/credentials/{}/deactivate", deactivate},
    AdminRoute{"DELETE", "/sandbox/credentials/{}", delete_credential},
    AdminRoute{"GET", "/sandbox/domains", show_domains},
    AdminRoute{"PUT", "/sandbox/domains", set_domains},
    AdminRoute{"GET", "/sandbox/stats", show_stats},
    AdminRoute{"POST", "/sandbox/stats/reset", reset_stats},
    AdminRoute{"GET", "/sandbox/settings", show_settings},
    AdminRoute{"PUT", "/sandbox/settings", set_settings},
    AdminRoute{"GET", "/sandbox/fault", show_fault},
    AdminRoute{"PUT", "/sandbox/fault", set_fault},
    AdminRoute{"DELETE", "/sandbox/fault", remove_fault},
};

bool may_be_a_page(const Request& request) {
  return request.header("Fob-Sandbox-Admin") != "1" || request.header("Origin").has_value() ||
         !is_loopback_host(request.header("Host").value_or(""));
}

}  // namespace

Response answer_admin(World& world, const Request& request, WallTime now) {
  if (may_be_a_page(request))
    return error_response(403,
                          "Admin routes take the header Fob-Sandbox-Admin: 1, a loopback Host and no Origin");
  const auto found = find_route(k_admin_routes, request.method, request.path());
  if (found.row == nullptr)
    return found.allowed.empty() ? error_response(404, "No such route") : method_not_allowed(found.allowed);
  Call call{Json::object(), found.holes, now};
  if (!request.body.empty()) {
    auto body = wire::parse_object(request.body, k_max_small_body, ErrorCode::bad_request);
    if (!body) return refused(body.error());
    call.body = std::move(*body);
  }
  return found.row->answer(world, call);
}

}  // namespace fob::authority
