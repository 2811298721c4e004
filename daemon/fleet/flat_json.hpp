// JSON that holds a secret, and nothing that nests: an object of known members, each a text or a number. All
// that the parser makes on the way is wiped.
#pragma once

#include "ipc/base/secret_bytes.hpp"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace fob::fleet {

/// Parses `text` as such an object; nothing if it is none, if a member is not in `known` (at most 32) or
/// stands there twice. The caller has bounded the size.
std::optional<WipingJson> parse_flat(std::string_view text, std::initializer_list<std::string_view> known);

/// The text member `name`, as a view into `object`; nothing if it is absent or no text.
std::optional<std::string_view> text_member(const WipingJson& object, const char* name);

/// The whole number `name`, not negative; nothing if it is absent or anything else.
std::optional<std::uint64_t> number_member(const WipingJson& object, const char* name);

}  // namespace fob::fleet
