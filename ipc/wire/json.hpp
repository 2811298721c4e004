// JSON from outside, read safely: size and depth bounded before anything is built, no exceptions, typed
// access that says which member is wrong. Each message's decoder is made of these.
#pragma once

#include "ipc/base/line.hpp"
#include "ipc/base/result.hpp"
#include "ipc/wire/limits.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace fob::wire {

/// Members stay in the order in which they are written.
using Json = nlohmann::ordered_json;

/// Parses `text` as one JSON object of at most `limit` bytes, k_max_json_depth levels and `members` to an
/// object, without duplicate members. Failures carry `code`.
Result<Json> parse_object(std::string_view text, std::size_t limit, ErrorCode code,
                          std::size_t members = k_max_json_members);

/// The first member of `object` that is not in `known`; nothing if all are.
std::optional<std::string> unknown_member(const Json& object, std::initializer_list<std::string_view> known);

/// The string member `name`; nothing if it is absent or not a string.
std::optional<std::string> string_member(const Json& object, const char* name);
/// The same to be shown: printable, of at most `limit` bytes; "" where there is none.
std::string shown_member(const Json& object, const char* name, std::size_t limit = k_max_detail);
/// Whether the member `name` is true.
bool is_true(const Json& object, const char* name);

/// The integer member `name`; nothing if it is absent, not an integer or beyond int64.
std::optional<std::int64_t> integer_member(const Json& object, const char* name);

/// `json` as one line, bytes that are not UTF-8 replaced.
std::string dump(const Json& json);

using fob::printable;

}  // namespace fob::wire
