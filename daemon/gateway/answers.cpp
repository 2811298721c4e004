#include "daemon/gateway/answers.hpp"

#include "ipc/wire/json.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <sodium.h>

#include <algorithm>

namespace fob::gateway {
namespace {

using std::chrono::seconds;

constexpr seconds k_retry_after{1};

// RFC 7617 §2.
std::string basic(std::string_view id, std::string_view secret) {
  const std::string pair = std::string(id) + ":" + std::string(secret);
  std::string encoded(sodium_base64_ENCODED_LEN(pair.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(encoded.data(), encoded.size(), reinterpret_cast<const unsigned char*>(pair.data()),
                    pair.size(), sodium_base64_VARIANT_ORIGINAL);
  encoded.resize(encoded.size() - 1);  // its zero
  return encoded;
}

bool is_basic_scheme(std::string_view word) {
  constexpr std::string_view k_scheme = "basic ";
  return word.size() == k_scheme.size() &&
         std::equal(word.begin(), word.end(), k_scheme.begin(), [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + ('a' - 'A')) : a) == b;
         });
}

Answer json_answer(int status, const wire::Json& body) {
  return {status, wire::dump(body), std::nullopt, "", ""};
}

seconds left_of(const Token& token, BootTime now) {
  return std::max(std::chrono::floor<seconds>(token.deadline - now), seconds(0));
}

}  // namespace

Answer refusal(int status, std::string_view why) {
  Answer answer = json_answer(status, {{"error", wire::printable(why, 1024)}});
  answer.why = why;
  if (status == 401) answer.challenge = "Basic realm=\"fob-gateway\"";
  return answer;
}

Answer failure(const Error& error) {
  // Whatever fobd refuses, the app has not done it wrong.
  const bool is_internal = error.code == ErrorCode::internal;
  Answer answer = refusal(is_internal ? 500 : 503, error.detail);
  if (traits(error.code).waiting_helps || error.code == ErrorCode::daemon_not_running)
    answer.retry_after = k_retry_after;
  return answer;
}

bool has_pair(const config::Gateway& settings, std::string_view authorization) {
  constexpr std::size_t k_scheme = 6;
  return is_basic_scheme(authorization.substr(0, k_scheme)) &&
         authorization.substr(std::min(k_scheme, authorization.size())) ==
             basic(settings.client_id, settings.client_secret);
}

Result<bool> has_pair_in_form(const config::Gateway& settings, std::string_view authorization,
                              std::string_view form) {
  // As the query of a URL, since boost::urls::parse_query() of 1.81 reads beyond what it is given.
  const std::string url = "/?" + std::string(form);
  const auto parsed = boost::urls::parse_relative_ref(url);
  if (!parsed || parsed->has_fragment())
    return fail(ErrorCode::bad_request, "the body is not a form (application/x-www-form-urlencoded)");
  boost::urls::encoding_opts plus;
  plus.space_as_plus = true;
  const auto fields = parsed->params(plus);
  const auto value = [&](const char* name) {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string() : (*found).value;
  };
  if (value("grant_type") != "client_credentials")
    return fail(ErrorCode::bad_request, "grant_type must be client_credentials");
  if (!authorization.empty()) return has_pair(settings, authorization);
  return value("client_id") == settings.client_id && value("client_secret") == settings.client_secret;
}

Answer token_answer(const Token& token, BootTime now, WallTime wall) {
  return json_answer(200, {{"token", token.text}, {"expiresOn", to_rfc3339(wall + left_of(token, now))}});
}

Answer oauth_answer(const Token& token, BootTime now) {
  return json_answer(
      200,
      {{"access_token", token.text}, {"token_type", "Bearer"}, {"expires_in", left_of(token, now).count()}});
}

}  // namespace fob::gateway
