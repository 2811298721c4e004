#include "tests/authority/html.hpp"

namespace fob::authority {

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

Html Html::filled(std::string_view markup, const std::vector<Html>& pieces) {
  Html html;
  for (const auto& piece : pieces) {
    const auto hole = markup.find("{}");
    html.text_ += markup.substr(0, hole);
    html.text_ += piece.text_;
    markup.remove_prefix(hole + 2);
  }
  html.text_ += markup;
  return html;
}

}  // namespace fob::authority
