// What the gateway itself answers: tokens in the vendor's and in OAuth's shape, and refusals in words. Pure.
#pragma once

#include "daemon/config/config.hpp"
#include "daemon/gateway/tokens.hpp"
#include "ipc/base/clock.hpp"
#include "ipc/base/result.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace fob::gateway {

struct Answer {
  int status = 200;
  std::string body;  ///< JSON; "" for none
  std::optional<std::chrono::seconds> retry_after;
  std::string challenge;  ///< WWW-Authenticate
  std::string why;        ///< of a refusal
};

/// `{"error": why}`, as the vendor does (multiset-api.md).
Answer refusal(int status, std::string_view why);
/// The same for what fobd or upstream could not do.
Answer failure(const Error& error);

/// Of POST /v1/m2m/token: whether the request holds the listener's pair. `authorization` is the header's
/// value.
bool has_pair(const config::Gateway& settings, std::string_view authorization);
/// Of POST /oauth/token: the same, by header or in a form body (RFC 6749 §2.3.1). Fails with bad_request
/// where the form asks for something else than client credentials.
Result<bool> has_pair_in_form(const config::Gateway& settings, std::string_view authorization,
                              std::string_view form);

/// `{"token","expiresOn"}`. `now` and `wall` are of the same instant.
Answer token_answer(const Token& token, BootTime now, WallTime wall);
/// `{"access_token","token_type","expires_in"}` (RFC 6749 §5.1).
Answer oauth_answer(const Token& token, BootTime now);

}  // namespace fob::gateway
