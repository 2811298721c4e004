#include "tests/manual/blocks.hpp"

#include <regex>
#include <sstream>
#include <stdexcept>

namespace fob::manual {
namespace {

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

}  // namespace

std::string with_parts_made(const std::string& document, const Maker& make) {
  static const std::regex begin(R"((?:\.\\" |<!-- )made: (.*?)(?: -->)?)"), end(R"(\.\\" end|<!-- end -->)");
  std::istringstream in(document);
  std::string out, open;
  for (std::string line; std::getline(in, line);) {
    std::smatch found;
    if (std::regex_match(line, end)) open.clear();
    if (open.empty()) out += line + "\n";
    if (!std::regex_match(line, found, begin)) continue;
    if (!open.empty()) throw std::runtime_error("this part has no end: " + open);
    open = line;
    out += make(words_of(found.str(1)));
  }
  if (!open.empty()) throw std::runtime_error("this part has no end: " + open);
  return out;
}

}  // namespace fob::manual
