// The only form in which a token may appear in logs, audit and answers about it.
#pragma once

#include <string>
#include <string_view>

namespace fob {

/// First 8 hex digits of SHA-256 of `text` (design.md §2).
std::string fingerprint(std::string_view text);

}  // namespace fob
