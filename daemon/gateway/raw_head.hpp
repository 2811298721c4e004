// The bytes of a request's head before the parser has them: where they end, and what in them servers disagree
// about, which is refused so that nothing can be smuggled past one to the other. Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace fob::gateway {

/// How many bytes the head at the beginning of `bytes` has, with the empty line behind it, be it one that is
/// written wrongly; npos where it is not there yet.
std::size_t end_of_head(std::string_view bytes);

/// Whether a head holds a line that goes on in the next one (obs-fold, RFC 9112 §5.2), or a line's end
/// without its carriage return.
bool is_folded_or_bare(std::string_view head);

}  // namespace fob::gateway
