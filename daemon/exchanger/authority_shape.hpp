// The authorities that fob knows, as data: how each wants to be asked and what its answer's members are
// called (design.md §6). A new authority is a new row; no other file asks which one it is.
#pragma once

#include "daemon/config/config.hpp"

#include <span>
#include <string_view>

namespace fob::exchanger {

struct AuthorityShape {
  std::string_view content_type;
  std::string_view body;  ///< what every request says
  /// The body is a form (RFC 6749 §4.4) that scope, audience, resource and, with client_auth = "post", the
  /// credential are added to; in the Basic header both parts are form-encoded first (§2.3.1).
  bool is_form;
  std::span<const char* const> token_members;     ///< the first one that is there counts
  std::span<const char* const> absolute_members;  ///< a point in time
  std::span<const char* const> relative_members;  ///< seconds
  const char* scope_member;                       ///< nullptr: answers do not name scopes
  /// Values of `error` in a 400 that mean what others say by 401.
  std::span<const std::string_view> rejections;
};

const AuthorityShape& shape_of(config::Authority authority);

}  // namespace fob::exchanger
