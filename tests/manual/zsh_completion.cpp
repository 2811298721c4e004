#include "tests/manual/completions.hpp"

#include <algorithm>

namespace fob::manual {
namespace {

constexpr const char* k_template = R"sh(#compdef @PROGRAM@
# @ORIGIN@

@FUNCTIONS@@FUNCTION@() {
  local -a whole=("$words[@]") everywhere=(
@EVERYWHERE@  )
@DASHES@  @MAIN@
}

if [[ $funcstack[1] == @FUNCTION@ ]]; then
  @FUNCTION@ "$@"
else
  compdef @FUNCTION@ @PROGRAM@
fi
)sh";

// A command that has commands. Behind one of them, options are that one's to read (-A).
constexpr const char* k_group = R"sh(@NAME@() {
  local curcontext=$curcontext state state_descr line result=1
  local -A opt_args
  local -a commands=(
@COMMANDS@  )
  _arguments -C -A '-*' : $everywhere '1: :->command' '*:: :->arguments' && result=0
  case $state in
    command) _describe -t commands command commands && result=0 ;;
    arguments)
      curcontext=${curcontext%:*:*}:@CONTEXT@-$words[1]:
      (( $+functions[@BELOW@_$words[1]] )) && @BELOW@_$words[1] && result=0
      ;;
  esac
  return result
}

)sh";

constexpr const char* k_profiles =
    R"sh(# The profiles in the configuration that the line names, else in the one in force.
@FUNCTION@_profiles() {
  local -a configuration names plain=("${(@Q)whole}")
  local i
  for (( i = 2; i < $#plain; i++ )); do
    case $plain[i] in
      --config) configuration=(--config ${plain[i + 1]/#\~\//$HOME/}) ;;
      --config=*) configuration=(--config ${plain[i]#--config=}) ;;
    esac
  done
  names=(${(f)"$(${plain[1]/#\~\//$HOME/} $configuration config profiles 2>/dev/null)"})
  _describe -t profiles profile names
}

)sh";

// What stands behind -- is another program's line, or nothing of ours.
constexpr const char* k_dashes = R"sh(  local dashes=${words[(i)--]}
  if (( dashes < CURRENT )); then
    (( ${words[(i)@COMMAND@]} < dashes )) || return 1
    shift $dashes words
    (( CURRENT -= dashes ))
    _normal
    return
  fi
)sh";

std::string function_of(const Command& command) {
  std::string name;
  for (const auto& word : command.path) name += "_" + word;
  return name;
}

// For single quotes.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

std::string explained(const std::string& text) {
  std::string out;
  for (const char c : text) out += (c == '[' || c == ']' || c == '\\' ? "\\" : "") + std::string(1, c);
  return out;
}

std::string action_of(const Command& program, const Argument& argument) {
  switch (argument.offer) {
    case Offer::file:
      return "_files";
    case Offer::directory:
      return "_directories";
    case Offer::profile:
      return function_of(program) + "_profiles";
    case Offer::user:
      return "_users";
    case Offer::process:
      return "_pids";
    case Offer::words:
      return "(" + joined(argument.words) + ")";
    case Offer::nothing:
      break;
  }
  return " ";
}

std::string value_of(const Command& program, const Argument& argument) {
  return ":" + explained(argument.placeholder) + ":" + action_of(program, argument);
}

// What may not stand with it: options by name, what stands by its place by number.
std::vector<std::string> excluded_by(const Command& command, const Argument& option) {
  std::vector<std::string> others;
  for (const auto& name : option.excludes) {
    const auto place = std::find_if(command.places.begin(), command.places.end(),
                                    [&](const Argument& argument) { return argument.name() == name; });
    const auto number = place - command.places.begin() + 1;
    others.push_back(place == command.places.end() ? name : place->repeated ? "*" : std::to_string(number));
  }
  return others;
}

// One specification for _arguments: what it may not stand with, its name, what it means, what it takes.
std::string specification(const Command& program, const Command& command, const Argument& option) {
  std::vector<std::string> others = excluded_by(command, option);
  if (option.of_every_program) others = {"- *"};
  if (!option.repeated && option.names.size() > 1)
    others.insert(others.end(), option.names.begin(), option.names.end());
  const std::string behind =
      "[" + explained(option.meaning) + "]" + (option.takes_a_value() ? value_of(program, option) : "");
  const std::string before = others.empty() ? "" : "(" + joined(others) + ")";
  std::string lines;
  for (const auto& name : option.names)
    lines +=
        "    " +
        quoted(before + (option.repeated ? "*" : "") + name + (option.takes_a_value() ? "=" : "") + behind) +
        "\n";
  return lines;
}

std::string specifications(const Command& program, const Command& command) {
  std::string lines;
  for (const auto& option : command.options)
    if (&program == &command || !is_for_all(program, option))
      lines += specification(program, command, option);
  int place = 0;
  for (const auto& argument : command.places) {
    const std::string number =
        argument.repeated ? "*" : std::to_string(++place) + (argument.required ? "" : ":");
    lines += "    " + quoted(number + value_of(program, argument)) + "\n";
  }
  if (command.runs_a_program) lines += "    " + quoted(std::to_string(++place) + ":--:(--)") + "\n";
  return lines;
}

std::string names_of_commands(const Command& command) {
  std::string lines;
  for (const auto& below : command.commands)
    lines += "    " + quoted(below.name() + ":" + below.meaning) + "\n";
  return lines;
}

// The function of a command, behind those of all below it.
std::string functions_of(const Command& program, const Command& command) {
  std::string text;
  for (const auto& below : command.commands) text += functions_of(program, below);
  const std::string name = function_of(command);
  if (!command.commands.empty()) {
    std::string group = filled_in(k_group, "NAME", name + (&program == &command ? "_commands" : ""));
    group = filled_in(group, "BELOW", name);
    group = filled_in(group, "COMMANDS", names_of_commands(command));
    return text + filled_in(group, "CONTEXT", joined(command.path, "-"));
  }
  if (&program == &command) return text;
  const std::string own = specifications(program, command);
  if (own.empty()) return text + name + "() { _arguments : $everywhere }\n\n";
  return text + name + "() {\n  local -a own=(\n" + own + "  )\n  _arguments : $everywhere $own\n}\n\n";
}

}  // namespace

std::string zsh_completion(const Command& program) {
  const Command* runner = that_runs_a_program(program);
  const std::string main =
      program.commands.empty() ? "_arguments : $everywhere" : function_of(program) + "_commands";
  std::string text = filled_in(k_template, "ORIGIN", made_from(program));
  text = filled_in(text, "FUNCTIONS",
                   std::string(takes_profiles(program) ? k_profiles : "") + functions_of(program, program));
  text = filled_in(text, "EVERYWHERE", specifications(program, program));
  text = filled_in(text, "DASHES", runner == nullptr ? "" : filled_in(k_dashes, "COMMAND", runner->name()));
  text = filled_in(text, "MAIN", main);
  text = filled_in(text, "FUNCTION", function_of(program));
  return filled_in(text, "PROGRAM", program.name());
}

}  // namespace fob::manual
