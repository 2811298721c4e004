#include "tests/manual/completions.hpp"

#include <algorithm>

namespace fob::manual {
namespace {

constexpr const char* k_template = R"sh(# @ORIGIN@

# What stands before the cursor and is no option: commands, then arguments, each on a line. Fails behind --.
function @FUNCTION@_line
    set -l words (commandline -opc)
    set -l skip 1 # the program itself
    for word in $words
        if test $skip -eq 1
            set skip 0
            continue
        end
        switch $word
            case --
                return 1
            case @WITH_VALUE@
                set skip 1
            case '-*'
            case '*'
                echo $word
        end
    end
end

# Whether the line is of the command $argv.
function @FUNCTION@_is
    set -l line (@FUNCTION@_line); or return
    for word in $argv
        test "$line[1]" = $word; or return
        set -e line[1]
    end
end

# Whether $argv[1] arguments stand behind the command $argv[2..]; with a + behind the number, so many or more.
function @FUNCTION@_has
    @FUNCTION@_is $argv[2..]; or return
    set -l line (@FUNCTION@_line)
    set -l number (math (count $line) - (count $argv) + 1)
    if string match -q '*+' $argv[1]
        test $number -ge (string trim -rc + $argv[1])
    else
        test $number -eq $argv[1]
    end
end
@PROFILES@@DASHES@
complete -c @PROGRAM@ -f
@LINES@)sh";

constexpr const char* k_profiles = R"sh(
# The profiles in the configuration that the line names, else in the one in force.
function @FUNCTION@_profiles
    set -l words (commandline -opc)
    set -l configuration
    for i in (seq 2 (count $words))
        switch $words[$i]
            case --
                break
            case --config
                set configuration --config (string replace -r '^~/' "$HOME/" -- $words[(math $i + 1)])
            case '--config=*'
                set configuration --config (string replace -r '^--config=' '' -- $words[$i])
        end
    end
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    $program $configuration config profiles 2>/dev/null
end
)sh";

// What stands behind -- is another program's line.
constexpr const char* k_dashes = R"sh(
# What completes the line behind --.
function @FUNCTION@_program
    set -l words (commandline -opc)
    set -l dashes (contains -i -- -- $words); or return
    contains -- @COMMAND@ $words[1..$dashes]; or return
    complete -C (string join ' ' -- (string escape -- $words[(math $dashes + 1)..]) (commandline -ct))
end
complete -c @PROGRAM@ -n 'contains -- -- (commandline -opc)' -a '(@FUNCTION@_program)'
)sh";

std::string function_of(const Command& program) {
  std::string name = "__" + program.name();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += (c == '\'' || c == '\\' ? "\\" : "") + std::string(1, c);
  return out + "'";
}

// What `complete` is told of the values; "" where there is nothing to offer.
std::string offer_of(const Command& program, const Argument& argument) {
  switch (argument.offer) {
    case Offer::file:
      return " -F";
    case Offer::directory:
      return " -a '(__fish_complete_directories)'";
    case Offer::profile:
      return " -a '(" + function_of(program) + "_profiles)'";
    case Offer::user:
      return " -a '(__fish_complete_users)'";
    case Offer::process:
      return " -a '(__fish_complete_pids)'";
    case Offer::words:
      return " -a " + quoted(joined(argument.words));
    case Offer::nothing:
      break;
  }
  return "";
}

// The words of the command behind the program's name.
std::string behind(const Command& command) {
  std::string words;
  for (std::size_t i = 1; i < command.path.size(); ++i) words += " " + command.path[i];
  return words;
}

std::string line_of(const Command& program, const std::string& condition) {
  return "complete -c " + program.name() + " -n '" + function_of(program) + condition + "'";
}

std::string lines_of_options(const Command& program, const Command& command) {
  std::string lines;
  for (const auto& option : command.options) {
    if (&program != &command && is_for_all(program, option)) continue;
    lines += line_of(program, "_is" + behind(command));
    for (const auto& name : option.names)
      lines += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    if (option.takes_a_value())
      lines += (option.offer == Offer::file ? " -r" : " -x") + offer_of(program, option);
    lines += " -d " + quoted(option.meaning) + "\n";
  }
  return lines;
}

std::string lines_of_places(const Command& program, const Command& command) {
  std::string lines;
  int number = 0;
  for (const auto& place : command.places) {
    const std::string offer = offer_of(program, place);
    const std::string how_many = std::to_string(number++) + (place.repeated ? "+" : "");
    if (!offer.empty()) lines += line_of(program, "_has " + how_many + behind(command)) + offer + "\n";
  }
  if (command.runs_a_program)
    lines += line_of(program, "_has " + std::to_string(number) + behind(command)) + " -a --\n";
  return lines;
}

std::string lines_of(const Command& program, const Command& command) {
  std::string lines;
  for (const auto& below : command.commands)
    lines += line_of(program, "_has 0" + behind(command)) + " -a " + below.name() + " -d " +
             quoted(below.meaning) + "\n";
  lines += lines_of_options(program, command) + lines_of_places(program, command);
  for (const auto& below : command.commands) lines += "\n" + lines_of(program, below);
  return lines;
}

}  // namespace

std::string fish_completion(const Command& program) {
  const Command* runner = that_runs_a_program(program);
  std::string text = filled_in(k_template, "ORIGIN", made_from(program));
  text = filled_in(text, "PROFILES", takes_profiles(program) ? k_profiles : "");
  text = filled_in(text, "DASHES", runner == nullptr ? "" : filled_in(k_dashes, "COMMAND", runner->name()));
  text = filled_in(text, "LINES", lines_of(program, program));
  text = filled_in(text, "WITH_VALUE", joined(names_with_value(program)));
  text = filled_in(text, "FUNCTION", function_of(program));
  return filled_in(text, "PROGRAM", program.name());
}

}  // namespace fob::manual
