// HTML into which no text gets unescaped: markup is a literal of this program, and all that fills its holes
// is escaped unless it is Html itself. So a page cannot forget to escape, whatever a credential's name holds.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace fob::authority {

/// `text` as it stands in HTML between tags, or within the double quotes of an attribute.
std::string html_escaped(std::string_view text);

/// A literal with a hole `{}` for each of `Holes` pieces; another number of holes does not compile.
template <std::size_t Holes>
class Markup {
 public:
  template <std::size_t Size>
  consteval Markup(const char (&literal)[Size]) : text_(literal, Size - 1) {  // NOLINT: a literal is one
    std::size_t holes = 0;
    for (auto hole = text_.find("{}"); hole != std::string_view::npos; hole = text_.find("{}", hole + 2))
      ++holes;
    if (holes != Holes) throw "as many pieces as the markup has holes";
  }
  constexpr std::string_view text() const { return text_; }

 private:
  std::string_view text_;
};

class Html {
 public:
  Html() = default;
  Html(std::string_view text) : text_(html_escaped(text)) {}       // NOLINT(google-explicit-constructor)
  Html(const std::string& text) : Html(std::string_view(text)) {}  // NOLINT(google-explicit-constructor)
  Html(const char* text) : Html(std::string_view(text)) {}         // NOLINT(google-explicit-constructor)

  template <class... Pieces>
  static Html of(std::type_identity_t<Markup<sizeof...(Pieces)>> markup, Pieces&&... pieces) {
    return filled(markup.text(), {Html(std::forward<Pieces>(pieces))...});
  }

  Html& operator+=(const Html& other) {
    text_ += other.text_;
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  static Html filled(std::string_view markup, const std::vector<Html>& pieces);

  std::string text_;
};

}  // namespace fob::authority
