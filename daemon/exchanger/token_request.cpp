#include "daemon/exchanger/token_request.hpp"

#include "daemon/exchanger/authority_shape.hpp"

#include <boost/url/encode.hpp>
#include <boost/url/grammar/string_token.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>
#include <sodium.h>

namespace fob::exchanger {
namespace {

WipingString plain(std::string_view text) { return WipingString(text); }

// RFC 7617; RFC 6749 §2.3.1 wants both parts form-encoded first, which the multiset authority does not.
WipingString basic(const store::Credential& credential, WipingString (*coded)(std::string_view)) {
  WipingString pair = coded(credential.client_id);
  pair += ':';
  pair += coded(credential.secret.reveal());
  WipingString text(sodium_base64_ENCODED_LEN(pair.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(pair.data()),
                    pair.size(), sodium_base64_VARIANT_ORIGINAL);
  text.pop_back();  // the NUL that the length counts
  return WipingString("Basic ") + text;
}

void add(WipingString& form, std::string_view name, std::string_view value) {
  form += '&';
  form += name;
  form += '=';
  form += form_encoded(value);
}

void add_parameters(WipingString& form, const config::Profile& profile) {
  std::string scope;
  for (const auto& one : profile.scopes) scope += (scope.empty() ? "" : " ") + one;
  if (!scope.empty()) add(form, "scope", scope);
  if (profile.audience) add(form, "audience", *profile.audience);
  if (profile.resource) add(form, "resource", *profile.resource);
}

}  // namespace

WipingString form_encoded(std::string_view text) {
  WipingString out;
  boost::urls::encode({text.data(), text.size()}, boost::urls::unreserved_chars, {},
                      boost::urls::string_token::append_to(out));
  return out;
}

HttpRequest make_token_request(const config::Profile& profile, const store::Credential& credential) {
  const AuthorityShape& shape = shape_of(profile.authority);
  HttpRequest request;
  request.url = profile.endpoint;
  request.content_type = shape.content_type;
  request.body = shape.body;
  request.pin_sha256 = profile.pin_sha256;
  request.proxy = profile.proxy;
  if (shape.is_form) add_parameters(request.body, profile);
  if (shape.is_form && profile.client_auth == config::ClientAuth::post) {
    add(request.body, "client_id", credential.client_id);
    add(request.body, "client_secret", credential.secret.reveal());
  } else {
    request.authorization = basic(credential, shape.is_form ? form_encoded : plain);
  }
  return request;
}

}  // namespace fob::exchanger
