#include "daemon/gateway/raw_head.hpp"

#include <algorithm>

namespace fob::gateway {

std::size_t end_of_head(std::string_view bytes) {
  constexpr std::string_view k_end = "\r\n\r\n", k_bare_end = "\n\n";
  const auto end = bytes.find(k_end), bare = bytes.find(k_bare_end);
  if (end == bytes.npos && bare == bytes.npos) return bytes.npos;
  return bare < end ? bare + k_bare_end.size() : end + k_end.size();
}

bool is_folded_or_bare(std::string_view head) {
  for (std::size_t at = head.find('\n'); at != head.npos; at = head.find('\n', at + 1)) {
    const bool bare = at == 0 || head[at - 1] != '\r';
    const bool folded = at + 1 < head.size() && (head[at + 1] == ' ' || head[at + 1] == '\t');
    if (bare || folded) return true;
  }
  return false;
}

}  // namespace fob::gateway
