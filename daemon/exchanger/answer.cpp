#include "daemon/exchanger/answer.hpp"

#include "daemon/config/endpoint.hpp"
#include "daemon/exchanger/authority_shape.hpp"
#include "daemon/exchanger/detail.hpp"
#include "daemon/exchanger/expiry.hpp"
#include "daemon/exchanger/lifetime.hpp"
#include "daemon/exchanger/transport_failure.hpp"
#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"

#include <boost/algorithm/string/predicate.hpp>

#include <algorithm>
#include <array>

namespace fob::exchanger {
namespace {

using std::chrono::milliseconds;
using wire::ExchangeAnswer;
using wire::ExchangeFailure;
using wire::Json;

struct StatusMeaning {
  int from, to;
  ErrorCode code;
  std::string_view sentence;  // HOST and PROFILE are filled in
};
// The first row that fits counts.
constexpr std::array k_meanings = {
    StatusMeaning{401, 401, ErrorCode::rejected,
                  "HOST rejects the credential; enrol a valid one: fob credential rotate PROFILE"},
    StatusMeaning{
        403, 403, ErrorCode::forbidden,
        "HOST forbids this credential a token; check its scopes and its account in the vendor's portal"},
    StatusMeaning{404, 404, ErrorCode::bad_answer,
                  "HOST has no token endpoint at this path; correct endpoint in [profile.PROFILE]"},
    StatusMeaning{407, 407, ErrorCode::bad_answer,
                  "a proxy wants a password; set proxy in [profile.PROFILE]"},
    StatusMeaning{429, 429, ErrorCode::rate_limited,
                  "HOST asks for fewer requests; wait before the next one"},
    StatusMeaning{500, 599, ErrorCode::bad_answer,
                  "HOST has a fault of its own; wait, or ask whoever runs it"},
    StatusMeaning{
        100, 599, ErrorCode::bad_answer,
        "HOST does not take the request; check authority, scopes and endpoint in [profile.PROFILE]"},
};

ExchangeFailure bad_answer(const HttpAnswer& answer, std::string detail) {
  return {ErrorCode::bad_answer, answer.status, std::move(detail), {}};
}

// The authority's own words in an error body, whichever of the known members they stand in.
std::string words_in(const Json& body) {
  for (const char* name : {"error_description", "message", "error", "detail"})
    if (auto text = wire::string_member(body, name); text && !text->empty()) return *text;
  const auto error = body.find("error");
  if (error != body.end() && error->is_object()) return wire::string_member(*error, "message").value_or("");
  return "";
}

// Both forms of RFC 9110 §10.2.3; a date counts from the server's own clock.
std::optional<milliseconds> retry_after_of(const HttpAnswer& answer) {
  const milliseconds longest = wire::k_max_retry_after;
  if (const auto seconds = parse_digits(answer.retry_after))
    return std::min(longest, milliseconds(std::chrono::seconds(*seconds)));
  const auto then = parse_http_date(answer.retry_after);
  const auto now = parse_http_date(answer.date);
  if (!then || !now) return std::nullopt;
  return std::clamp(milliseconds(*then - *now), milliseconds(0), longest);
}

bool is_page(const HttpAnswer& answer) {
  const auto first = answer.body.find_first_not_of(" \t\r\n\xef\xbb\xbf");
  return boost::algorithm::istarts_with(answer.content_type, "text/html") ||
         (first != std::string::npos && answer.body[first] == '<');
}

ExchangeFailure explain_redirect(const HttpAnswer& answer, const std::string& host,
                                 const config::Profile& profile) {
  std::string detail = host +
                       " sends us elsewhere, and redirects are not followed; sign in to this network's "
                       "portal if it has one";
  if (answer.redirect.starts_with("https://"))
    detail += ", or set endpoint in [profile." + profile.name + "] to " + answer.redirect;
  else
    detail += ", or correct endpoint in [profile." + profile.name + "]";
  return bad_answer(answer, std::move(detail));
}

ExchangeFailure explain_status(const HttpAnswer& answer, const config::Profile& profile) {
  const std::string host = config::host_of(profile.endpoint);
  if (answer.status >= 300 && answer.status < 400) return explain_redirect(answer, host, profile);

  const auto body = wire::parse_object(answer.body, k_max_http_body, ErrorCode::bad_answer);
  const std::string error = body ? wire::string_member(*body, "error").value_or("") : "";
  const auto& rejections = shape_of(profile.authority).rejections;
  const bool rejected =
      answer.status == 400 && std::find(rejections.begin(), rejections.end(), error) != rejections.end();
  const int status = rejected ? 401 : answer.status;
  const auto meaning = std::find_if(k_meanings.begin(), k_meanings.end() - 1,
                                    [&](const auto& m) { return status >= m.from && status <= m.to; });

  ExchangeFailure failure{meaning->code, answer.status, std::string(meaning->sentence), {}};
  fill_in(failure.detail, "HOST", host);
  fill_in(failure.detail, "PROFILE", profile.name);
  failure.detail += " (status " + std::to_string(answer.status);
  if (const auto words = body ? words_in(*body) : ""; !words.empty()) failure.detail += ": " + words;
  failure.detail += ")";
  if (answer.status == 429 || answer.status == 503) failure.retry_after = retry_after_of(answer);
  return failure;
}

ExchangeFailure explain_unreadable(const HttpAnswer& answer, const config::Profile& profile) {
  const std::string host = config::host_of(profile.endpoint);
  const std::string check = "check endpoint in [profile." + profile.name + "]";
  if (is_page(answer))
    return bad_answer(answer, host +
                                  " answers with a web page instead of a token; sign in to this network's "
                                  "portal, or " +
                                  check);
  if (answer.body.empty()) return bad_answer(answer, host + " answers with nothing at all; " + check);
  return bad_answer(answer, host + " answers with something that is not JSON, or only part of it; " + check);
}

ExchangeFailure explain_tokenless(const HttpAnswer& answer, const Json& body,
                                  const config::Profile& profile) {
  const std::string host = config::host_of(profile.endpoint);
  const auto words = words_in(body);
  if (!words.empty())
    return bad_answer(answer,
                      host +
                          " reports an error instead of a token; check the credential in the vendor's "
                          "portal (it says: " +
                          words + ")");
  return bad_answer(answer, host + " answers without a token; check authority and endpoint in [profile." +
                                profile.name + "]");
}

const Json* first_member(const Json& body, std::span<const char* const> names) {
  for (const char* name : names)
    if (const auto found = body.find(name); found != body.end() && !found->is_null()) return &*found;
  return nullptr;
}

Result<ExpiryFacts> facts_of(const HttpAnswer& answer, const Json& body, const AuthorityShape& shape,
                             std::string_view token) {
  ExpiryFacts facts;
  facts.jwt = jwt_times(token);
  facts.server_date = parse_http_date(answer.date);
  const Json* absolute = first_member(body, shape.absolute_members);
  const Json* relative = first_member(body, shape.relative_members);
  if (absolute != nullptr) facts.absolute = parse_expiry(*absolute);
  if (relative != nullptr) facts.relative = parse_seconds(*relative);
  // One that can be read is enough; a token's own times stand in for what is absent, not for what is
  // nonsense.
  if (!facts.absolute && !facts.relative && (absolute != nullptr || relative != nullptr))
    return fail(ErrorCode::bad_answer, "it says when the token expires in no form that fob knows");
  return facts;
}

// What was granted, where the answer says so; what is no scope is left out, since the broker takes none such.
std::vector<std::string> scopes_of(const Json& body, const AuthorityShape& shape,
                                   const config::Profile& profile) {
  const auto granted =
      shape.scope_member == nullptr ? std::nullopt : wire::string_member(body, shape.scope_member);
  if (!granted) return profile.scopes;
  std::vector<std::string> scopes;
  std::string_view rest = *granted;
  while (!rest.empty() && scopes.size() < wire::k_max_scopes) {
    const auto word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    if (wire::is_scope(word)) scopes.emplace_back(word);
  }
  return scopes;
}

bool is_bearer(const Json& body) {
  const auto type = body.find("token_type");
  if (type == body.end() || type->is_null()) return true;
  return type->is_string() && boost::algorithm::iequals(type->get_ref<const std::string&>(), "bearer");
}

}  // namespace

ExchangeAnswer interpret(const HttpAnswer& answer, const config::Profile& profile, const AskedWith& asked) {
  if (answer.status < 200 || answer.status > 299) return explain_status(answer, profile);
  const auto body = wire::parse_object(answer.body, k_max_http_body, ErrorCode::bad_answer);
  if (!body) return explain_unreadable(answer, profile);

  const AuthorityShape& shape = shape_of(profile.authority);
  const Json* token = first_member(*body, shape.token_members);
  if (token == nullptr) return explain_tokenless(answer, *body, profile);
  const std::string host = config::host_of(profile.endpoint);
  if (!token->is_string() || !wire::is_bearer_token(token->get_ref<const std::string&>()))
    return bad_answer(answer, host +
                                  " answers with a token that no HTTP header can hold; check authority in "
                                  "[profile." +
                                  profile.name + "]");
  if (!is_bearer(*body))
    return bad_answer(answer, host + " issues another kind of token than Bearer, which fob cannot use");

  wire::ExchangeSuccess success;
  success.access_token = token->get<std::string>();
  const auto facts = facts_of(answer, *body, shape, success.access_token);
  const auto lifetime = facts ? measure_lifetime(*facts) : facts.error();
  if (!lifetime)
    return bad_answer(answer, "the answer of " + host + " cannot be used: " + lifetime.error().detail +
                                  "; ask whoever runs the authority");
  success.started_boottime = asked.started.time_since_epoch();
  success.expires_in = *lifetime;
  success.scopes = scopes_of(*body, shape, profile);
  success.credential_version = asked.version;
  const auto stored_at = std::chrono::floor<std::chrono::seconds>(asked.stored_at);
  if (wire::is_stored_at(stored_at.time_since_epoch().count())) success.credential_stored_at = stored_at;
  if (facts->server_date) success.clock_skew = asked.received - *facts->server_date;
  return success;
}

}  // namespace fob::exchanger
