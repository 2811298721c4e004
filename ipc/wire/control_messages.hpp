// What operators and fobd say to each other on control.sock (design.md §4). No message on it holds a secret
// or a token.
#pragma once

#include "ipc/base/result.hpp"

#include <string>
#include <string_view>

namespace fob::wire {

/// The body of POST /v1/refresh and POST /v1/credentials/changed: `{"profile":"P"}`.
std::string encode_profile_body(std::string_view profile);
Result<std::string> decode_profile_body(std::string_view body);

}  // namespace fob::wire
