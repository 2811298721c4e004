// Lines as operators and their spreadsheets write them.
#pragma once

#include <algorithm>
#include <string_view>

namespace fob::fleet {

/// Without the blanks around it; a line's end by "\r\n" leaves one.
inline std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r";
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text.substr(0, text.find_last_not_of(blanks) + 1);
}

}  // namespace fob::fleet
