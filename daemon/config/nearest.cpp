#include "daemon/config/nearest.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace fob::config {
namespace {

// How many single-character edits apart two words are (Levenshtein).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::optional<std::string_view> nearest(std::string_view word, const std::vector<std::string_view>& known) {
  const auto found = std::min_element(
      known.begin(), known.end(),
      [&](std::string_view a, std::string_view b) { return distance(word, a) < distance(word, b); });
  const std::size_t near = std::max<std::size_t>(2, word.size() / 3);
  if (found == known.end() || distance(word, *found) > near) return std::nullopt;
  return *found;
}

}  // namespace fob::config
