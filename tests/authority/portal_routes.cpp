// The developer portal, under /portal: what a person does in the vendor's, on the same account as the admin
// routes. It has no login, so it must know its own pages from anybody else's: each request needs a Host that
// no foreign name rebound to 127.0.0.1 has, each change the Origin of the portal itself, and no answer may be
// framed or read by another origin.
#include "ipc/wire/json.hpp"
#include "tests/authority/portal_assets.hpp"
#include "tests/authority/portal_pages.hpp"
#include "tests/authority/routes.hpp"

#include <algorithm>
#include <array>

namespace fob::authority {
namespace {

struct Call {
  const Request& request;
  std::vector<std::string> holes;
  WallTime now;
};

Response page_response(int status, std::string page) {
  return {status, {{"Content-Type", "text/html; charset=utf-8"}}, std::move(page)};
}
Response file_response(std::string_view type, std::string_view text) {
  return {200, {{"Content-Type", std::string(type)}}, std::string(text)};
}
/// After a change: what the browser shows can be reloaded without asking for the change again.
Response see_other(const std::string& path) { return {303, {{"Location", path}}, ""}; }

Response refused(const Error& error) {
  return page_response(traits(error.code).http_status,
                       message_page("That did not work", "The sandbox says: " + error.detail + "."));
}

/// What `?done` of a redirect stands for; "" for anything else.
std::string_view notice_of(std::string_view query) {
  struct Notice {
    std::string_view query;
    std::string_view text;
  };
  static constexpr std::array k_notices = {
      Notice{"activated", "The credential is active again."},
      Notice{
          "deactivated",
          "The credential is deactivated: it gets no new tokens. Those that it already has stay valid until "
          "they expire."},
      Notice{"deleted",
             "The credential is deleted. Tokens that it already has stay valid until they expire."},
      Notice{"saved", "Saved. The list is in force."},
  };
  for (const auto& notice : k_notices)
    if (notice.query == query) return notice.text;
  return "";
}

std::vector<std::string> values(const Headers& form, std::string_view name) {
  std::vector<std::string> found;
  for (const auto& [key, value] : form)
    if (key == name) found.push_back(value);
  return found;
}
std::string value(const Headers& form, std::string_view name) {
  const auto found = values(form, name);
  return found.empty() ? "" : found.front();
}

Response go_to_portal(World&, const Call&) { return see_other("/portal"); }
Response style(World&, const Call&) { return file_response("text/css; charset=utf-8", k_style); }
Response script(World&, const Call&) { return file_response("text/javascript; charset=utf-8", k_script); }

Response show_credentials(World& world, const Call& call) {
  return page_response(200,
                       credentials_page(world.account.credentials().all(), notice_of(call.request.query())));
}

Response show_form(World&, const Call&) { return page_response(200, create_page({"", {"query"}, ""})); }

Response create_credential(World& world, const Call& call) {
  const auto form = parse_form(call.request.body);
  if (!form) return refused(fail(ErrorCode::bad_request, "This is not what the form sends"));
  CredentialDraft draft{value(*form, "name"), values(*form, "scopes"), ""};
  auto created = world.account.create(draft.name, draft.scopes, call.now);
  if (created) return see_other("/portal/created/" + world.shown_once.keep(std::move(*created), call.now));
  draft.error = "Not created: " + created.error().detail + ".";
  return page_response(traits(created.error().code).http_status, create_page(draft));
}

Response show_created(World& world, const Call& call) {
  const auto created = world.shown_once.take(call.holes.front(), call.now);
  return created ? page_response(200, created_page(*created)) : page_response(410, gone_page());
}

Response activate(World& world, const Call& call) {
  const auto done = world.account.set_active(call.holes.front(), true);
  return done ? see_other("/portal?activated") : refused(done.error());
}
Response deactivate(World& world, const Call& call) {
  const auto done = world.account.set_active(call.holes.front(), false);
  return done ? see_other("/portal?deactivated") : refused(done.error());
}

Response ask_to_delete(World& world, const Call& call) {
  const auto& all = world.account.credentials().all();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const auto& c) { return c.client_id == call.holes.front(); });
  if (found == all.end()) return refused(fail(ErrorCode::not_found, "no such credential"));
  return page_response(200, delete_page(*found));
}
Response delete_credential(World& world, const Call& call) {
  const auto done = world.account.remove(call.holes.front());
  return done ? see_other("/portal?deleted") : refused(done.error());
}

Response show_domains(World& world, const Call& call) {
  DomainsDraft draft{"", "", notice_of(call.request.query())};
  for (const auto& domain : world.account.domains()) draft.lines += domain + "\n";
  return page_response(200, domains_page(draft));
}

/// The lines that are not blank, without the white space around them.
std::vector<std::string> lines_of(std::string_view text) {
  constexpr std::string_view k_blank = " \t\r";
  std::vector<std::string> lines;
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto first = line.find_first_not_of(k_blank);
    if (first == std::string_view::npos) continue;
    lines.emplace_back(line.substr(first, line.find_last_not_of(k_blank) + 1 - first));
  }
  return lines;
}

Response save_domains(World& world, const Call& call) {
  const auto form = parse_form(call.request.body);
  if (!form) return refused(fail(ErrorCode::bad_request, "This is not what the form sends"));
  DomainsDraft draft{value(*form, "domains"), "", ""};
  const auto saved = world.account.set_domains(lines_of(draft.lines));
  if (saved) return see_other("/portal/domains?saved");
  draft.error = "Not saved: " + saved.error().detail + ".";
  return page_response(traits(saved.error().code).http_status, domains_page(draft));
}

struct PortalRoute {
  std::string_view method;
  std::string_view pattern;
  Response (*answer)(World&, const Call&);
};

constexpr std::array k_routes = {
    PortalRoute{"GET", "/", go_to_portal},
    PortalRoute{"GET", k_style_path, style},
    PortalRoute{"GET", k_script_path, script},
    PortalRoute{"GET", "/portal", show_credentials},
    PortalRoute{"GET", "/portal/", go_to_portal},
    PortalRoute{"POST", "/portal/credentials", create_credential},
    PortalRoute{"GET", "/portal/credentials", go_to_portal},
    PortalRoute{"GET", "/portal/credentials/new", show_form},
    PortalRoute{"GET", "/portal/created/{}", show_created},
    PortalRoute{"POST", "/portal/credentials/{}/activate", activate},
    PortalRoute{"POST", "/portal/credentials/{}/deactivate", deactivate},
    PortalRoute{"GET", "/portal/credentials/{}/delete", ask_to_delete},
    PortalRoute{"POST", "/portal/credentials/{}/delete", delete_credential},
    PortalRoute{"GET", "/portal/domains", show_domains},
    PortalRoute{"POST", "/portal/domains", save_domains},
};

/// Why the request may be another page's doing; nothing if it is the portal's own.
std::optional<Response> refused_as_foreign(const Request& request) {
  const auto host = request.header("Host").value_or("");
  if (!is_loopback_host(host))
    return page_response(403,
                         message_page("Refused",
                                      "The portal answers to localhost, 127.0.0.1 and [::1] only, so that no "
                                      "foreign name for this machine reaches it."));
  const auto own = std::string(request.scheme()) + "://" + std::string(host);
  const bool is_safe = request.method == "GET" || request.method == "HEAD";
  if (!is_safe && request.header("Origin") != own)
    return page_response(403,
                         message_page("Refused",
                                      "Nothing was changed: this did not come from a page of the portal, as "
                                      "its Origin shows. Open the portal and do it there."));
  return std::nullopt;
}

Response routed(World& world, const Request& request, WallTime now) {
  if (auto refusal = refused_as_foreign(request)) return *refusal;
  const auto found = find_route(k_routes, request.method, request.path());
  if (found.row != nullptr) return found.row->answer(world, {request, found.holes, now});
  if (found.allowed.empty())
    return page_response(404, message_page("No such page", "The portal has no such page."));
  Response response = page_response(405, message_page("Refused", "This page is not for that method."));
  response.headers.emplace_back("Allow", found.allowed);
  return response;
}

}  // namespace

bool is_portal_path(std::string_view path) {
  return path == "/" || path == "/portal" || path.starts_with("/portal/");
}

Response answer_portal(World& world, const Request& request, WallTime now) {
  Response response = routed(world, request, now);
  // Referrer-Policy: with no-referrer, the portal's own forms would come with Origin: null (Fetch §3.2.1).
  const Headers guards = {
      {"Cache-Control", "no-store"},
      {"Content-Security-Policy",
       "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; frame-ancestors 'none'; "
       "base-uri 'none'"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
      {"Referrer-Policy", "same-origin"},
      {"X-Content-Type-Options", "nosniff"},
  };
  response.headers.insert(response.headers.end(), guards.begin(), guards.end());
  return response;
}

}  // namespace fob::authority
