// The request that asks an authority for a token, from the profile, the credential and the authority's shape.
#pragma once

#include "daemon/config/config.hpp"
#include "daemon/exchanger/http_message.hpp"
#include "daemon/store/credential_store.hpp"

namespace fob::exchanger {

HttpRequest make_token_request(const config::Profile& profile, const store::Credential& credential);

/// `text` as it may stand in a form's value: everything but A–Z a–z 0–9 - . _ ~ percent-encoded.
WipingString form_encoded(std::string_view text);

}  // namespace fob::exchanger
