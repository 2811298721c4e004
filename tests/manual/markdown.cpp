#include "tests/manual/markdown.hpp"

#include "tests/manual/keys.hpp"

#include <algorithm>

namespace fob::manual {
namespace {

// A | would end the cell.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '|' ? "\\|" : std::string(1, c);
  return out;
}

std::string row(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (const auto& text : cells) line += " " + cell(text) + " |";
  return line + "\n";
}

// What is to be written as it stands has signs that prose has not.
std::string form_of(const Key& key) {
  return key.form.find_first_of("\"|/:") == std::string::npos ? key.form : "`" + key.form + "`";
}

std::string heading(const std::vector<std::string>& names) {
  std::string line = row(names) + "|";
  for (std::size_t i = 0; i < names.size(); ++i) line += "---|";
  return line + "\n";
}

}  // namespace

std::string markdown_options(const Command& command) {
  std::string table = heading({"option", "meaning"});
  for (const auto& option : command.options) {
    if (option.of_every_program) continue;
    const std::string usage = option.name() + (option.takes_a_value() ? " " + option.placeholder : "");
    table += row({"`" + usage + "`", option.meaning + (option.required ? "; required" : "")});
  }
  return table;
}

std::string markdown_keys(std::string_view table) {
  const auto keys = keys_of(table);
  const bool has_defaults =
      std::any_of(keys.begin(), keys.end(), [](const Key& key) { return !key.default_value.empty(); });
  std::vector<std::string> names = {"key", "value", "default", "meaning"};
  if (!has_defaults) names.erase(names.begin() + 2);
  std::string text = heading(names);
  for (const auto& key : keys) {
    std::vector<std::string> cells = {"`" + key.key + "`", form_of(key), key.default_in_code(), key.meaning};
    if (!has_defaults) cells.erase(cells.begin() + 2);
    text += row(cells);
  }
  return text;
}

}  // namespace fob::manual
