// fob's command line (design.md §5): which commands there are, what they take, and what their help says. It
// decides what is to be done and does nothing of it.
#pragma once

#include "daemon/cli/context.hpp"

#include <functional>
#include <string>
#include <vector>

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

}  // namespace fob::cli
