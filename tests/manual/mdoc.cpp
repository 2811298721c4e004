#include "tests/manual/mdoc.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <regex>
#include <stdexcept>
#include <utility>
#include <vector>

namespace fob::manual {
namespace {

constexpr std::size_t k_width = 78;

// One word of a paragraph, or a stretch of code in it: a macro with its argument, or plain text.
struct Token {
  std::string macro;  ///< "" for plain text
  std::string text;
  bool joins = false;  ///< no blank stands before it
};

// man pages are read on terminals that may have ASCII alone.
std::string in_ascii(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> k_known = {{
      {"…", "..."},
      {"§", "\\(sc"},
      {"–", "\\(en"},
      {"’", "'"},
  }};
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto known = std::find_if(k_known.begin(), k_known.end(), [&](const auto& pair) {
      return text.substr(at).starts_with(pair.first);
    });
    if (known != k_known.end()) {
      out += known->second;
      at += known->first.size();
    } else if (static_cast<unsigned char>(text[at]) < 0x80) {
      out += text[at] == '\\' ? "\\e" : std::string(1, text[at]);
      ++at;
    } else {
      throw std::runtime_error("no man page has had this character yet: " + std::string(text));
    }
  }
  return out;
}

// Of what is typed as it stands, so that it can be copied.
std::string literal(std::string_view text) {
  return std::regex_replace(in_ascii(text), std::regex("-"), "\\-");
}

bool is_macro(const std::string& word) {
  static const std::regex form("[A-Z][a-z]");
  return std::regex_match(word, form);
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == at) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// What a word of plain text is, by its form.
Token understood(const std::string& word) {
  static const std::regex manual(R"(([a-z][\w.-]*)\(([1-8])\))"), option("-(-[a-z][a-z-]*)"),
      path(R"((~|\$[A-Z_]+)?/[\w.*/@-]+)"), variable(R"(\$?((FOB|XDG|LISTEN)_[A-Z_]+))");
  std::smatch found;
  if (std::regex_match(word, found, manual)) return {"Xr", found.str(1) + " " + found.str(2)};
  if (std::regex_match(word, found, option)) return {"Fl", found.str(1)};
  if (std::regex_match(word, path)) return {"Pa", word};
  if (std::regex_match(word, found, variable)) return {"Ev", found.str(1)};
  return {"", word};
}

// "(see fob(1))," is text, a manual, and punctuation around them.
void add_word(std::vector<Token>& tokens, std::string word) {
  std::string before, behind;
  while (!word.empty() && (word.front() == '(' || word.front() == '[')) {
    before += word.front();
    word.erase(0, 1);
  }
  const auto is_end = [&](char c) {
    return std::string_view(".,:;!?]").find(c) != std::string_view::npos ||
           (c == ')' && word.find('(') == std::string::npos) || (c == ')' && word.ends_with("))"));
  };
  while (!word.empty() && is_end(word.back())) {
    behind.insert(0, 1, word.back());
    word.pop_back();
  }
  Token token = understood(word);
  if (token.macro.empty()) {
    tokens.push_back({"", before + word + behind});
    return;
  }
  if (!before.empty()) tokens.push_back({"", before});
  token.joins = !before.empty();
  tokens.push_back(std::move(token));
  if (!behind.empty()) tokens.push_back({"", behind, true});
}

std::vector<Token> tokens_of(std::string_view text) {
  std::vector<Token> tokens;
  const auto parts = split(text, '`');
  if (parts.size() % 2 == 0) throw std::runtime_error("a ` is missing: " + std::string(text));
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& part = parts[i];
    if (i % 2 == 1) {
      tokens.push_back({"Ql", part, !parts[i - 1].empty() && parts[i - 1].back() != ' '});
      continue;
    }
    const std::size_t first = tokens.size();
    for (const auto& word : split(part, ' '))
      if (!word.empty()) add_word(tokens, word);
    if (first > 0 && first < tokens.size() && part.front() != ' ') tokens[first].joins = true;
  }
  return tokens;
}

bool ends_a_sentence(const Token& token) {
  const std::size_t last = token.text.find_last_not_of(")");
  return token.macro.empty() && last != std::string::npos &&
         std::string_view(".!?").find(token.text[last]) != std::string_view::npos;
}

bool is_punctuation(const Token& token) {
  return token.macro.empty() && token.text.find_first_not_of(".,:;!?)]") == std::string::npos;
}

std::string arguments_of(const Token& token) {
  return token.macro == "Ql" ? mdoc_words(literal(token.text)) : mdoc_words(token.text);
}

// Collects lines no wider than they should be; a macro has one of its own.
class Lines {
 public:
  void text(const std::string& word, bool joins) {
    if (!joins && !line_.empty() && line_.size() + 1 + word.size() > k_width) end();
    if (!line_.empty() && !joins) line_ += ' ';
    // A dot or a quote at a line's beginning would make it a macro.
    if (line_.empty() && (word.front() == '.' || word.front() == '\'')) line_ = "\\&";
    line_ += word;
  }
  void end() {
    if (!line_.empty()) out_ += line_ + "\n";
    line_.clear();
  }
  void macro(const std::string& line) {
    end();
    out_ += line + "\n";
  }
  // Brackets that stand at the end, and belong to what comes next.
  std::string take_opening() {
    const std::size_t end = line_.find_last_not_of("([") + 1;
    std::string brackets = line_.substr(end);
    line_.erase(end);
    while (line_.ends_with(' ')) line_.pop_back();
    return brackets;
  }
  std::string take() {
    end();
    return std::move(out_);
  }

 private:
  std::string out_, line_;
};

}  // namespace

std::string mdoc_words(std::string_view text) {
  std::string out;
  for (auto word : split(text, ' ')) {
    if (word.empty()) continue;
    if (word.find('\\') == std::string::npos) word = in_ascii(word);
    const bool alone = word.size() == 1 && std::ispunct(static_cast<unsigned char>(word[0])) != 0;
    if (is_macro(word) || alone || word.front() == '"') word.insert(0, "\\&");
    out += (out.empty() ? "" : " ") + word;
  }
  // What is part of the last word is no punctuation behind it.
  if (!out.empty() && std::string_view(".,:;!?)]").find(out.back()) != std::string_view::npos) out += "\\&";
  return out;
}

std::string mdoc_prose(std::string_view text) {
  Lines lines;
  const auto tokens = tokens_of(text);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    if (token.macro.empty()) {
      lines.text(in_ascii(token.text), token.joins);
      if (ends_a_sentence(token)) lines.end();
      continue;
    }
    std::string line = "." + token.macro + " ";
    if (token.joins) {
      const std::string brackets = lines.take_opening();
      if (brackets.empty()) throw std::runtime_error("text stands right before code: " + std::string(text));
      for (const char c : brackets) line += std::string(1, c) + " ";
    }
    line += arguments_of(token);
    while (i + 1 < tokens.size() && tokens[i + 1].joins) {
      const Token& next = tokens[++i];
      if (is_punctuation(next)) {
        for (const char c : next.text) line += std::string(" ") + c;
      } else {
        line += " Ns " + mdoc_words(next.text);
      }
    }
    lines.macro(line);
  }
  return lines.take();
}

std::string mdoc_story(std::string_view text) {
  std::string out, paragraph;
  const auto end_paragraph = [&] {
    if (paragraph.empty()) return;
    if (!out.empty()) out += ".Pp\n";
    out += mdoc_prose(paragraph);
    paragraph.clear();
  };
  bool in_example = false;
  for (const auto& line : split(text, '\n')) {
    const bool is_example = line.starts_with(' ');
    if (is_example) end_paragraph();
    if (is_example != in_example) out += is_example ? ".Bd -literal -offset indent\n" : ".Ed\n";
    in_example = is_example;
    if (is_example) {
      out += literal(line.substr(std::min(line.find_first_not_of(' '), std::size_t{2}))) + "\n";
    } else if (line.empty()) {
      end_paragraph();
    } else {
      paragraph += (paragraph.empty() ? "" : " ") + line;
    }
  }
  if (in_example) out += ".Ed\n";
  end_paragraph();
  return out;
}

}  // namespace fob::manual
