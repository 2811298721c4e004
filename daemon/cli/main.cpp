// fob, the command line: reads its arguments, runs one command, and turns its outcome into an exit status.
#include "daemon/cli/command_line.hpp"
#include "daemon/cli/speech.hpp"
#include "ipc/base/confine.hpp"

#include <exception>

int main(int argc, char** argv) {
  using namespace fob;
  try {
    forbid_dumps();
    keep_out_of_swap();
    const SystemClock clock;
    const auto line = cli::parse_command_line({argv + 1, argv + argc});
    const Result<int> outcome =
        line ? line->command(cli::Context{line->flags, clock}) : Result<int>(line.error());
    if (outcome) return *outcome;
    cli::say(outcome.error().detail);
    return traits(outcome.error().code).exit_status;
  } catch (const std::exception& error) {
    cli::say(std::string("internal error: ") + error.what() + "; please report it");
    return traits(ErrorCode::internal).exit_status;
  }
}
