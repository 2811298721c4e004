// One run of a program of the system's, such as systemd-creds: bytes go in, bytes come out, and either may be
// a secret, so they travel through pipes, never through argv, the environment or a file, and what comes out
// goes straight into locked memory. No shell is involved, PATH is not searched, and the program gets the
// environment it is given, three descriptors and nothing else of ours. What it says is not trusted: whether
// it dies, hangs or floods, the run ends in time and within its bounds, and nothing of it is left running.
#pragma once

#include "ipc/base/secret_bytes.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace fob::store {

struct Tool {
  std::filesystem::path program;
  std::vector<std::string> environment;  ///< "NAME=value"; all that it gets
  std::chrono::milliseconds time_limit;  ///< after which a run is killed
};

enum class ToolEnd : std::uint8_t {
  done,         ///< exit status 0
  failed,       ///< another status, or killed by a signal
  not_started,  ///< it is not there, or cannot be executed
  too_slow,     ///< it did not end in time and was killed
  too_much      ///< it wrote more than was asked for and was killed
};

struct ToolRun {
  ToolEnd end = ToolEnd::failed;
  SecretBytes output;     ///< its stdout, where it is done
  std::string complaint;  ///< what went wrong, where it is not: printable and bounded, no full stop
};

/// Runs it to its end, however that comes. `input` is its stdin; of its stdout at most `max_output` bytes are
/// taken. Not for a process that has SIGCHLD ignored.
ToolRun run_tool(const Tool& tool, const std::vector<std::string>& arguments, std::string_view input,
                 std::size_t max_output);

}  // namespace fob::store
