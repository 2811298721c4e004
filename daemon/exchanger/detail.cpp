#include "daemon/exchanger/detail.hpp"

#include <algorithm>

namespace fob::exchanger {
namespace {

constexpr std::string_view k_hidden = "***";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

void hide(std::string& text, std::string_view secret) {
  if (secret.empty()) return;
  auto from = text.begin();
  while (true) {
    const auto found = std::search(from, text.end(), secret.begin(), secret.end(),
                                   [](char a, char b) { return lower(a) == lower(b); });
    if (found == text.end()) return;
    const auto at = found - text.begin();
    text.replace(found, found + static_cast<std::ptrdiff_t>(secret.size()), k_hidden);
    from = text.begin() + at + static_cast<std::ptrdiff_t>(k_hidden.size());
  }
}

}  // namespace

void fill_in(std::string& sentence, std::string_view place, std::string_view with) {
  const auto at = sentence.find(place);
  if (at != std::string::npos) sentence.replace(at, place.size(), with);
}

std::string presentable(std::string text, std::span<const std::string_view> secrets) {
  constexpr std::string_view k_cut = "...";
  for (const auto secret : secrets) hide(text, secret);
  for (char& c : text)
    if (c == '\n' || c == '\r' || c == '\t')
      c = ' ';
    else if (c < ' ' || c > '~')
      c = '?';
  if (text.size() > k_longest_detail) {
    text.resize(k_longest_detail - k_cut.size());
    text += k_cut;
  }
  return text;
}

}  // namespace fob::exchanger
