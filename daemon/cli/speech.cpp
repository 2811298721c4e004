#include "daemon/cli/speech.hpp"

#include "daemon/config/locations.hpp"
#include "ipc/base/file.hpp"
#include "ipc/wire/json.hpp"

#include <cerrno>
#include <unistd.h>

namespace fob::cli {
namespace {

constexpr std::size_t k_longest_message = 16 * 1024;

// Whether all of it got out; errno says why not.
bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// A terminal that follows control sequences.
bool is_terminal(int fd) {
  return ::isatty(fd) == 1 && config::process_environment("TERM").value_or("dumb") != "dumb";
}

}  // namespace

void say(std::string_view message) {
  // It may hold names that somebody else chose, such as a bundle's.
  write_all(STDERR_FILENO, "fob: " + wire::printable(message, k_longest_message) + "\n");
}

Result<void> print(std::string_view result) {
  if (!write_all(STDOUT_FILENO, result))
    return fail(ErrorCode::internal, with_errno("cannot write to stdout"));
  return {};
}

Waiting::Waiting(std::string_view for_what) : shown_(is_terminal(STDERR_FILENO)) {
  if (shown_) write_all(STDERR_FILENO, wire::printable(for_what, k_longest_message) + " …");
}

Waiting::~Waiting() {
  // The line from its beginning (ECMA-48, EL).
  if (shown_) write_all(STDERR_FILENO, "\r\033[K");
}

bool may_colour() { return is_terminal(STDOUT_FILENO) && !config::process_environment("NO_COLOR"); }

std::string painted(std::string_view text, Colour colour, bool coloured) {
  if (!coloured || colour == Colour::none) return std::string(text);
  const std::string_view start = colour == Colour::good      ? "\033[32m"
                                 : colour == Colour::warning ? "\033[33m"
                                 : colour == Colour::bad     ? "\033[31m"
                                                             : "\033[2m";
  return std::string(start) + std::string(text) + "\033[0m";
}

std::string in_words(std::chrono::seconds duration) {
  const auto seconds = std::max<std::int64_t>(duration.count(), 0);
  const auto two = [](std::int64_t large, const char* unit, std::int64_t small, const char* small_unit) {
    return std::to_string(large) + unit + (small == 0 ? "" : " " + std::to_string(small) + small_unit);
  };
  if (seconds < 60) return std::to_string(seconds) + " s";
  if (seconds < 3600) return two(seconds / 60, " min", seconds % 60, " s");
  if (seconds < 86400) return two(seconds / 3600, " h", seconds % 3600 / 60, " min");
  return two(seconds / 86400, " d", seconds % 86400 / 3600, " h");
}

}  // namespace fob::cli
