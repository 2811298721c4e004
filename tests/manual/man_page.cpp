#include "tests/manual/man_page.hpp"

#include "daemon/cli/command_line.hpp"
#include "ipc/base/error.hpp"
#include "tests/manual/keys.hpp"
#include "tests/manual/mdoc.hpp"

#include <algorithm>
#include <cctype>
#include <set>

namespace fob::manual {
namespace {

constexpr const char* k_list = ".Bl -tag -width Ds\n";

std::string words_behind(const std::vector<std::string>& path) {
  return joined({path.begin() + 1, path.end()});
}

// As it is written: `-f | --follow` is one of them, FILE a value.
std::string usage_of(const Argument& argument) {
  if (argument.names.empty()) {
    // The one that stands for a character of its own.
    if (argument.placeholder == "STDIN") return "Cm \\-";
    return "Ar " + mdoc_words(argument.placeholder) + (argument.repeated ? " ..." : "");
  }
  const std::string flag = "Fl " + mdoc_words(argument.name().substr(1));
  return argument.placeholder.empty() ? flag : flag + " Ar " + mdoc_words(argument.placeholder);
}

bool excludes(const Argument& one, const Argument& other) {
  return std::find(one.excludes.begin(), one.excludes.end(), other.name()) != one.excludes.end();
}

// A line for each argument; those that exclude each other stand on one.
std::string usage_lines(const Command& command) {
  std::vector<Argument> arguments = command.places;
  for (const auto& option : command.options)
    if (!option.of_every_program) arguments.push_back(option);
  std::string lines;
  std::set<std::string> told;
  for (const auto& argument : arguments) {
    if (told.contains(argument.name())) continue;
    std::string usage = usage_of(argument);
    for (const auto& other : arguments) {
      if (!excludes(argument, other)) continue;
      usage += " | " + usage_of(other);
      told.insert(other.name());
    }
    lines += (argument.required ? "." : ".Op ") + usage + "\n";
  }
  if (!command.commands.empty()) lines += ".Ar command\n.Op Ar argument ...\n";
  if (command.runs_a_program) lines += ".Fl -\n.Ar CMD ...\n";
  return lines;
}

// A phrase as a sentence.
std::string sentence(const std::string& phrase) {
  return phrase.ends_with('.') || phrase.ends_with("…") ? phrase : phrase + ".";
}

std::string capitalised(std::string text) {
  text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text;
}

std::string item_of(const Argument& argument) {
  std::string item = ".It";
  if (argument.names.empty()) return item + " " + usage_of(argument) + "\n";
  for (const auto& name : argument.names)
    item += (name == argument.names.front() ? " Fl " : " , Fl ") + mdoc_words(name.substr(1));
  if (argument.takes_a_value()) item += " Ar " + mdoc_words(argument.placeholder);
  return item + "\n";
}

std::string list_of(const std::vector<Argument>& arguments) {
  if (arguments.empty()) return "";
  std::string list = k_list;
  for (const auto& argument : arguments) list += item_of(argument) + mdoc_prose(sentence(argument.meaning));
  return list + ".El\n";
}

// What a list says of commands.
class Entries {
 public:
  explicit Entries(const IsElsewhere& has_its_own_page) : has_its_own_page_(has_its_own_page) {}

  std::string of(const Command& command) {
    if (has_its_own_page_(command))
      return ".It Cm " + words_behind(command.path) + " Ar command Op Ar argument ...\n" +
             mdoc_prose(sentence(command.meaning)) + "See\n.Xr " + joined(command.path, "-") + " 1 .\n";
    std::string text;
    for (const auto& below : command.commands) text += of(below);
    if (!command.commands.empty()) return text;
    return ".It Xo\n.Cm " + words_behind(command.path) + "\n" + usage_lines(command) + ".Xc\n" +
           mdoc_story(sentence(command.meaning) + "\n" + command.story) +
           list_of(arguments_to_explain(command));
  }

 private:
  // What stands by its place and was explained with a command before is known by now.
  std::vector<Argument> arguments_to_explain(const Command& command) {
    std::vector<Argument> list;
    for (const auto& place : command.places)
      if (explained_.insert(place.name() + place.meaning).second) list.push_back(place);
    for (const auto& option : command.options)
      if (!option.of_every_program) list.push_back(option);
    return list;
  }

  const IsElsewhere& has_its_own_page_;
  std::set<std::string> explained_;
};

}  // namespace

std::string man_synopsis(const Command& command, bool of_its_commands) {
  if (!of_its_commands) {
    const std::string behind = words_behind(command.path);
    return ".Nm " + command.path.front() + "\n" + (behind.empty() ? "" : ".Cm " + behind + "\n") +
           usage_lines(command);
  }
  std::string lines;
  for (const auto& below : command.commands) lines += man_synopsis(below, !below.commands.empty());
  return lines;
}

std::string man_options(const Command& command) { return list_of(command.options); }

std::string man_commands(const Command& command, const IsElsewhere& has_its_own_page) {
  Entries entries(has_its_own_page);
  std::string text, heading;
  for (const auto& below : command.commands) {
    if (text.empty() || below.heading != heading) {
      if (!text.empty()) text += ".El\n";
      if (!below.heading.empty()) text += ".Ss " + below.heading + "\n";
      text += k_list;
      heading = below.heading;
    }
    text += entries.of(below);
  }
  return text + ".El\n";
}

std::string man_exit_statuses() {
  std::string list = k_list;
  for (const auto& [status, meaning] : cli::k_exit_statuses) {
    std::vector<std::string> sentences;
    for (int code = 0; code <= static_cast<int>(ErrorCode::internal); ++code) {
      const auto& row = traits(static_cast<ErrorCode>(code));
      if (row.exit_status == status) sentences.push_back(std::string(row.title) + ".");
    }
    // Where there is one error alone, it says it all.
    if (sentences.size() != 1) sentences.insert(sentences.begin(), capitalised(std::string(meaning) + "."));
    list += ".It " + std::to_string(status) + "\n" + mdoc_prose(joined(sentences));
  }
  return list + ".El\n";
}

std::string man_keys(std::string_view table) {
  std::string list = k_list;
  for (const auto& key : keys_of(table)) {
    list +=
        ".It Va " + mdoc_words(key.key) + " No = Ar " + mdoc_words(key.form) + "\n" + mdoc_prose(key.meaning);
    if (!key.default_value.empty()) list += mdoc_prose("Left out: " + key.default_value + ".");
  }
  return list + ".El\n";
}

}  // namespace fob::manual
