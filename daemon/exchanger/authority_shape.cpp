#include "daemon/exchanger/authority_shape.hpp"

#include <array>

namespace fob::exchanger {
namespace {

using namespace std::string_view_literals;

// Vendors differ in what they call the same thing (multiset-api.md), so every known name is taken.
constexpr std::array k_absolute = {"expiresOn", "expires_on", "expiresAt", "expires_at"};
constexpr std::array k_relative = {"expires_in", "expiresIn"};
constexpr std::array k_multiset_tokens = {"token", "access_token"};
constexpr std::array k_oauth2_tokens = {"access_token"};
// RFC 6749 §5.2 lets a server say 400 for a failed client authentication.
constexpr std::array k_oauth2_rejections = {"invalid_client"sv, "unauthorized_client"sv};

constexpr AuthorityShape k_multiset = {
    // Some deployments are said to answer 400 to a missing body, so the smallest JSON there is.
    .content_type = "application/json",
    .body = "{}",
    .is_form = false,
    .token_members = k_multiset_tokens,
    .absolute_members = k_absolute,
    .relative_members = k_relative,
    .scope_member = nullptr,
    .rejections = {},
};

constexpr AuthorityShape k_oauth2 = {
    .content_type = "application/x-www-form-urlencoded",
    .body = "grant_type=client_credentials",
    .is_form = true,
    .token_members = k_oauth2_tokens,
    .absolute_members = k_absolute,
    .relative_members = k_relative,
    .scope_member = "scope",
    .rejections = k_oauth2_rejections,
};

}  // namespace

const AuthorityShape& shape_of(config::Authority authority) {
  return authority == config::Authority::oauth2 ? k_oauth2 : k_multiset;
}

}  // namespace fob::exchanger
