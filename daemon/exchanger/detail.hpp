// Sentences for people: made from templates, and cleaned as the last thing before they leave. An authority's
// or a proxy's words may repeat what was sent to them, so what was made of them is rid of the credential
// here, in one place, and made short and plain.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace fob::exchanger {

inline constexpr std::size_t k_longest_detail = 300;

/// Puts `with` for the first `place` in `sentence`, if it has one.
void fill_in(std::string& sentence, std::string_view place, std::string_view with);

/// `text` with every occurrence of a `secret` (in either case, since servers fold UUIDs) as ***, what is not
/// printable ASCII as ?, and no longer than k_longest_detail. Cleaned before it is cut, so that no half of a
/// secret is left at the end.
std::string presentable(std::string text, std::span<const std::string_view> secrets);

}  // namespace fob::exchanger
