// What the three shells complete a program's command line by: a file for each, made from its table alone.
#pragma once

#include "tests/manual/command.hpp"

#include <string>

namespace fob::manual {

/// For bash, with bash-completion 2.11 or newer.
std::string bash_completion(const Command& program);
std::string zsh_completion(const Command& program);
std::string fish_completion(const Command& program);

/// The line that tells a reader where the file comes from, behind a #.
std::string made_from(const Command& program);

/// The command and all below it, outermost first.
std::vector<const Command*> with_all_below(const Command& command);

/// Options of the program itself, which stand before a command and behind it alike.
bool is_for_all(const Command& program, const Argument& option);

/// The command of this program that takes `-- CMD…`; nullptr where none does.
const Command* that_runs_a_program(const Command& program);

/// Whether any argument of this program names a profile.
bool takes_profiles(const Command& program);

/// The names of options that take a value, with whatever command.
std::vector<std::string> names_with_value(const Command& program);

/// Replaces each @NAME@ in a template. Throws where it is not there.
std::string filled_in(std::string text, const std::string& name, const std::string& value);

}  // namespace fob::manual
