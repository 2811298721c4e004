#include "tests/manual/completions.hpp"

#include <algorithm>
#include <map>

namespace fob::manual {
namespace {

// A function's name.
std::string identifier(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return "_" + name;
}

constexpr const char* k_template = R"sh(# @ORIGIN@

# What the table says of the command $1: its commands, its options, and what its arguments are.
@FUNCTION@_table() {
  commands='' options='' arguments=''
  case $1 in
@TABLE@  esac
}

# Offers what there is of this kind.
@FUNCTION@_offer() {
  case $1 in
@OFFERS@  esac
}
@PROFILES@
@FUNCTION@() {
  local cur prev words cword split
  _init_completion -s || return

  local path=@PROGRAM@ commands options arguments given=0 i
  @FUNCTION@_table "$path"
  for ((i = 1; i < cword; i++)); do
    case ${words[i]} in
      --)
@DASHES@        return
        ;;
      @WITH_VALUE@) ((i++)) ;;
      -?*) ;;
      *)
        if [[ " $commands " == *" ${words[i]} "* ]]; then
          path+=" ${words[i]}"
          @FUNCTION@_table "$path"
        else
          ((given++))
        fi
        ;;
    esac
  done

  case $prev in
@VALUES@  esac
  $split && return

  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options @EVERYWHERE@" -- "$cur"))
  elif [[ $commands ]]; then
    COMPREPLY=($(compgen -W "$commands" -- "$cur"))
  else
    local kinds=($arguments)
    # The last may stand there again and again.
    [[ $arguments == *+ ]] && ((given >= ${#kinds[@]})) && given=$((${#kinds[@]} - 1))
    @FUNCTION@_offer "${kinds[given]%+}"
  fi
} &&
  complete -F @FUNCTION@ @PROGRAM@
)sh";

constexpr const char* k_profiles = R"sh(
# The profiles in the configuration that the line names, else in the one in force.
@FUNCTION@_profiles() {
  local configuration=() i
  for ((i = 1; i < cword; i++)); do
    case ${words[i]} in
      --config) configuration=(--config "${words[i + 1]/#\~\//$HOME/}") ;;
      --config=*) configuration=(--config "${words[i]#--config=}") ;;
    esac
  done
  COMPREPLY=($(compgen -W "$("${words[0]/#\~\//$HOME/}" "${configuration[@]}" config profiles 2>/dev/null)" -- "$cur"))
}
)sh";

// What stands behind -- is another program's line. In COMP_WORDS it stands elsewhere than in words.
constexpr const char* k_dashes = R"sh(        [[ $path == '@PATH@' ]] || return
        for ((i = 1; i < COMP_CWORD; i++)); do [[ ${COMP_WORDS[i]} == -- ]] && break; done
        _command_offset $((i + 1))
)sh";

std::string kind_of(const Argument& argument) {
  static const std::map<Offer, std::string> words = {
      {Offer::nothing, "nothing"}, {Offer::file, "file"}, {Offer::directory, "directory"},
      {Offer::profile, "profile"}, {Offer::user, "user"}, {Offer::process, "process"},
  };
  return argument.offer == Offer::words ? argument.placeholder : words.at(argument.offer);
}

std::string names_of(const std::vector<Argument>& options) {
  std::vector<std::string> names;
  for (const auto& option : options) names.insert(names.end(), option.names.begin(), option.names.end());
  return joined(names);
}

std::string table_of(const Command& program) {
  std::string table;
  for (const Command* command : with_all_below(program)) {
    std::vector<std::string> commands, kinds;
    for (const auto& below : command->commands) commands.push_back(below.name());
    for (const auto& place : command->places) kinds.push_back(kind_of(place) + (place.repeated ? "+" : ""));
    std::vector<Argument> own;
    for (const auto& option : command->options)
      if (!is_for_all(program, option)) own.push_back(option);
    std::string options = names_of(own);
    if (command->runs_a_program) {
      kinds.push_back("dashes");
      options += (options.empty() ? "" : " ") + std::string("--");
    }
    table += "    '" + joined(command->path) + "') commands='" + joined(commands) + "' options='" + options +
             "' arguments='" + joined(kinds) + "' ;;\n";
  }
  return table;
}

std::string offers_of(const Command& program) {
  std::map<std::string, std::string> offers = {
      {"file", "_filedir"},
      {"directory", "_filedir -d"},
      {"user", "COMPREPLY=($(compgen -u -- \"$cur\"))"},
      {"process", "_pids"},
  };
  if (takes_profiles(program)) offers["profile"] = identifier(program.name()) + "_profiles";
  if (that_runs_a_program(program) != nullptr)
    offers["dashes"] = "COMPREPLY=($(compgen -W '--' -- \"$cur\"))";
  for (const auto& option : all_options(program))
    if (option.offer == Offer::words)
      offers[kind_of(option)] = "COMPREPLY=($(compgen -W '" + joined(option.words) + "' -- \"$cur\"))";
  std::string cases;
  for (const auto& [kind, action] : offers) cases += "    " + kind + ") " + action + " ;;\n";
  return cases;
}

// Which options take what: a line for each kind.
std::string values_of(const Command& program) {
  std::map<std::string, std::vector<std::string>> names;
  for (const auto& option : all_options(program)) {
    auto& of_kind = names[kind_of(option)];
    if (option.takes_a_value()) of_kind.insert(of_kind.end(), option.names.begin(), option.names.end());
  }
  std::string cases;
  for (const auto& [kind, of_kind] : names)
    if (!of_kind.empty())
      cases += "    " + joined(of_kind, " | ") + ") " + identifier(program.name()) + "_offer " + kind +
               "; return ;;\n";
  return cases;
}

std::string behind_dashes(const Command& program) {
  const Command* command = that_runs_a_program(program);
  return command == nullptr ? "" : filled_in(k_dashes, "PATH", joined(command->path));
}

}  // namespace

std::string bash_completion(const Command& program) {
  std::string text = k_template;
  text = filled_in(text, "DASHES", behind_dashes(program));
  text = filled_in(text, "ORIGIN", made_from(program));
  text = filled_in(text, "TABLE", table_of(program));
  text = filled_in(text, "OFFERS", offers_of(program));
  text = filled_in(text, "PROFILES", takes_profiles(program) ? k_profiles : "");
  text = filled_in(text, "WITH_VALUE", joined(names_with_value(program), " | "));
  text = filled_in(text, "VALUES", values_of(program));
  text = filled_in(text, "EVERYWHERE", names_of(program.options));
  text = filled_in(text, "FUNCTION", identifier(program.name()));
  return filled_in(text, "PROGRAM", program.name());
}

}  // namespace fob::manual
