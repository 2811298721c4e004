// What was probably meant by a mistyped name: for messages that help.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace fob::config {

/// The one of `known` that is a few single-character edits away from `word` at most; nothing if none is.
std::optional<std::string_view> nearest(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace fob::config
