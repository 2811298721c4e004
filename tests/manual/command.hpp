// A program's argument table as a tree of plain values: what man pages and completions are made of. Read from
// the CLI11 tables that the programs themselves parse by, so that there is no second list of anything.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace fob::manual {

/// What a shell may offer in an argument's place.
enum class Offer { nothing, file, directory, profile, user, process, words };

struct Argument {
  std::vector<std::string> names;     ///< "-f", "--follow"; none: it stands by its place
  std::string placeholder;            ///< "FILE"; "" with a flag
  std::string meaning;                ///< a phrase without a full stop at its end
  std::vector<std::string> excludes;  ///< the last names, or placeholders, of what may not stand with it
  bool required = false;
  bool repeated = false;
  bool of_every_program = false;  ///< --help and --version
  Offer offer = Offer::nothing;
  std::vector<std::string> words;  ///< for Offer::words

  bool takes_a_value() const { return !names.empty() && !placeholder.empty(); }
  /// "--follow", or the placeholder of what has no name.
  const std::string& name() const { return names.empty() ? placeholder : names.back(); }
};

struct Command {
  std::vector<std::string> path;  ///< {"fob", "credential", "add"}
  std::string heading;            ///< which commands it stands among; "" with a program
  std::string meaning;            ///< a phrase without a full stop at its end
  std::string story;              ///< paragraphs; a line that begins with a blank is an example
  bool runs_a_program = false;    ///< takes `-- CMD…`
  std::vector<Argument> options;
  std::vector<Argument> places;  ///< arguments without a name, in their order
  std::vector<Command> commands;

  const std::string& name() const { return path.back(); }
};

/// What is hidden from help texts is left out. Throws where a shell could not complete by it: where an option
/// takes a value with one command and none with another.
Command read_command(const CLI::App& app);

/// Every program of fob, by its name.
std::vector<Command> read_programs();

/// The command with this path among `programs`. Throws where there is none.
const Command& find_command(const std::vector<Command>& programs, const std::vector<std::string>& path);

/// The path with blanks between.
std::string joined(const std::vector<std::string>& words, const std::string& between = " ");

/// Each option of the command and of those below it, once by its last name.
std::vector<Argument> all_options(const Command& command);

}  // namespace fob::manual
