// The two ways to a token: the vendor's own exchange, and the client credentials grant of OAuth 2.0 for
// clients that are to work with other authorities too. Everything in a request is hostile, its secret above
// all.
#include "ipc/wire/json.hpp"
#include "tests/authority/basic_auth.hpp"
#include "tests/authority/jwt.hpp"
#include "tests/authority/routes.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <sstream>

namespace fob::authority {
namespace {

constexpr std::string_view k_vendor_path = "/v1/m2m/token";
constexpr std::string_view k_oauth_path = "/oauth/token";
// Far enough back that no margin, skew or rounding makes it the future.
constexpr std::chrono::hours k_long_past{1};

std::string random_hex() {
  std::array<unsigned char, 16> raw{};
  randombytes_buf(raw.data(), raw.size());
  std::array<char, 2 * raw.size() + 1> hex{};
  sodium_bin2hex(hex.data(), hex.size(), raw.data(), raw.size());
  return hex.data();
}

struct Issued {
  std::string token;
  std::chrono::sys_seconds expires;
};

/// Whole seconds as in any JWT, and rounded down: what is said is never more than the lifetime that was set.
Issued issue(World& world, const Credential& credential, std::vector<std::string> scopes,
             std::vector<std::string> audience, WallTime now, const std::optional<Fault>& fault) {
  using std::chrono::floor;
  using std::chrono::seconds;
  const bool past = fault && fault->kind == FaultKind::past_expiry;
  const auto expires = floor<seconds>(past ? now - k_long_past : now + world.settings.lifetime);
  const Claims claims{credential.client_id, std::move(scopes), std::move(audience),
                      floor<seconds>(now),  expires,           random_hex()};
  ++world.stats.issued_by_client[credential.client_id];
  const bool opaque = fault && fault->opaque;
  return {opaque ? random_hex() : sign(claims, world.account.key()), expires};
}

bool hides_expiry(const std::optional<Fault>& fault) { return fault && fault->kind == FaultKind::no_expiry; }

// ---- the vendor's own: Basic, an empty body or an empty object

Response answer_vendor(World& world, const Request& request, WallTime now,
                       const std::optional<Fault>& fault) {
  if (request.method != "POST") return method_not_allowed("POST, OPTIONS");
  if (!request.body.empty() && !wire::parse_object(request.body, k_max_small_body, ErrorCode::bad_request))
    return error_response(400, "The body must be empty or a JSON object");
  const auto pair = parse_basic(request.header("Authorization").value_or(""));
  if (!pair) return error_response(400, "Authorization must be Basic base64(clientId:clientSecret)");
  const Credential* credential = world.account.authenticate(pair->client_id, pair->secret, now);
  if (credential == nullptr) return error_response(401, "Invalid client credentials");

  const auto issued = issue(world, *credential, credential->scopes, {}, now, fault);
  Json answer = {{"token", issued.token}};
  if (!hides_expiry(fault)) put_expiry(answer, world.settings.shape, issued.expires, now);
  return json_response(200, answer);
}

// ---- RFC 6749 §4.4

Response oauth_error(int status, std::string_view code, std::string_view description) {
  return json_response(status, {{"error", code}, {"error_description", description}});
}

Response invalid_client() {
  Response response = oauth_error(401, "invalid_client", "Unknown client, wrong secret, or deactivated");
  response.headers.emplace_back("WWW-Authenticate", "Basic realm=\"fob-sandbox\"");
  return response;
}

/// The parameter `name`; nothing if it is absent.
std::optional<std::string> parameter(const Headers& form, std::string_view name) {
  const auto found =
      std::find_if(form.begin(), form.end(), [&](const auto& pair) { return pair.first == name; });
  if (found == form.end()) return std::nullopt;
  return found->second;
}

/// RFC 6749 §3.2 forbids a parameter twice; only `resource` may be (RFC 8707 §2).
bool repeats_itself(const Headers& form) {
  for (auto pair = form.begin(); pair != form.end(); ++pair)
    if (pair->first != "resource" &&
        std::any_of(form.begin(), pair, [&](const auto& p) { return p.first == pair->first; }))
      return true;
  return false;
}

/// The client's pair from the header, whose halves are form-encoded (RFC 6749 §2.3.1), or else from the body.
std::optional<ClientPair> client_of(const Request& request, const Headers& form) {
  if (const auto header = request.header("Authorization")) {
    const auto pair = parse_basic(*header);
    if (!pair) return std::nullopt;
    auto id = form_decoded(pair->client_id);
    auto secret = form_decoded(pair->secret);
    if (!id || !secret) return std::nullopt;
    return ClientPair{std::move(*id), std::move(*secret)};
  }
  auto id = parameter(form, "client_id");
  auto secret = parameter(form, "client_secret");
  if (!id || !secret) return std::nullopt;
  return ClientPair{std::move(*id), std::move(*secret)};
}

/// The scopes asked for, or all that the credential has; nothing if more is asked than it has.
std::optional<std::vector<std::string>> granted(const Credential& credential,
                                                const std::optional<std::string>& asked) {
  std::istringstream words(asked.value_or(""));
  std::vector<std::string> scopes;
  for (std::string word; words >> word;) {
    const auto& own = credential.scopes;
    if (std::find(own.begin(), own.end(), word) == own.end()) return std::nullopt;
    if (std::find(scopes.begin(), scopes.end(), word) == scopes.end()) scopes.push_back(word);
  }
  return scopes.empty() ? credential.scopes : scopes;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::vector<std::string> audience_of(const Headers& form) {
  std::vector<std::string> audience;
  for (const auto& [name, value] : form)
    if (name == "audience" || name == "resource") audience.push_back(value);
  return audience;
}

/// What is wrong with the request itself, before anybody's secret is looked at; nothing if it is well-formed.
std::optional<Response> malformed(const Request& request, const std::optional<Headers>& form) {
  const auto type = request.header("Content-Type").value_or("");
  if (!equal_ignoring_case(type.substr(0, type.find(';')), "application/x-www-form-urlencoded") || !form)
    return oauth_error(400, "invalid_request", "The body must be application/x-www-form-urlencoded");
  if (repeats_itself(*form)) return oauth_error(400, "invalid_request", "A parameter is given twice");
  if (request.header("Authorization") && parameter(*form, "client_secret"))
    return oauth_error(400, "invalid_request", "Only one way of client authentication may be used");
  const auto grant = parameter(*form, "grant_type");
  if (!grant) return oauth_error(400, "invalid_request", "grant_type is missing");
  if (*grant != "client_credentials")
    return oauth_error(400, "unsupported_grant_type", "Only client_credentials is supported");
  return std::nullopt;
}

Response answer_oauth(World& world, const Request& request, WallTime now, const std::optional<Fault>& fault) {
  if (request.method != "POST") return method_not_allowed("POST, OPTIONS");
  const auto form = parse_form(request.body);
  if (auto refusal = malformed(request, form)) return *refusal;
  const auto pair = client_of(request, *form);
  if (!pair) return invalid_client();
  const Credential* credential = world.account.authenticate(pair->client_id, pair->secret, now);
  if (credential == nullptr) return invalid_client();
  const auto scopes = granted(*credential, parameter(*form, "scope"));
  if (!scopes) return oauth_error(400, "invalid_scope", "The client may not have that scope");

  const auto issued = issue(world, *credential, *scopes, audience_of(*form), now, fault);
  Json answer = {{"access_token", issued.token}, {"token_type", "Bearer"}, {"scope", joined(*scopes)}};
  if (!hides_expiry(fault)) answer["expires_in"] = seconds_left(issued.expires, now);
  return json_response(200, answer);
}

void count(Stats::Token& stats, int status, const std::optional<Fault>& fault) {
  if (fault && fault->kind != FaultKind::slow)
    ++stats.faulted;
  else if (status == 200)
    ++stats.issued;
  else if (status == 401)
    ++stats.rejected;
  else
    ++stats.malformed;
}

}  // namespace

bool is_token_path(std::string_view path) { return path == k_vendor_path || path == k_oauth_path; }

Response answer_token(World& world, const Request& request, WallTime now, const std::optional<Fault>& fault) {
  Response response;
  if (request.method == "OPTIONS") {
    response = answer_preflight(world.account, request);
  } else {
    response = request.path() == k_oauth_path ? answer_oauth(world, request, now, fault)
                                              : answer_vendor(world, request, now, fault);
    response.headers.emplace_back("Cache-Control", "no-store");
    count(world.stats.token, response.status, fault);
  }
  allow_origin(world.account, request, response);
  return response;
}

}  // namespace fob::authority
