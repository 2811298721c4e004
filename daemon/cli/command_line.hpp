// fob's command line (design.md §5): which commands there are, what they take, and what their help says. It
// decides what is to be done and does nothing of it.
#pragma once

#include "daemon/cli/context.hpp"

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace fob::cli {

/// A command, ready to run. Its value is the exit status where that is its own to say (`fob exec`), else 0.
using Command = std::function<Result<int>(const Context&)>;

struct CommandLine {
  config::LocationFlags flags;
  Command command;
};

/// `arguments` without the program's name. Fails with ErrorCode::usage; the message never repeats an argument
/// that could be a secret in the wrong place. Where help or the version is asked for, the command prints it.
Result<CommandLine> parse_command_line(std::vector<std::string> arguments);

/// The table of commands and arguments, for what is made of it: man pages and the shells' completions.
std::shared_ptr<const CLI::App> argument_table();

/// What fob's exit statuses mean, in a few words. Which error has which: ErrorTraits.
struct ExitStatus {
  int status;
  std::string_view meaning;
};
inline constexpr std::array k_exit_statuses = {
    ExitStatus{0, "done"},
    ExitStatus{1, "anything else"},
    ExitStatus{2, "usage"},
    ExitStatus{3, "daemon not running"},
    ExitStatus{4, "not granted"},
    ExitStatus{5, "no valid token"},
    ExitStatus{6, "credential rejected"},
    ExitStatus{7, "configuration"},
    ExitStatus{8, "store"},
};

/// The command that takes a program and its arguments behind "--", which CLI11 has no word for.
inline constexpr const char* k_runs_a_program = "exec";

}  // namespace fob::cli
