// One line in, one line out, over whatever was given as stdin and stdout: a socketpair from fobd, a socket
// from systemd, a pipe by hand. The other side is the broker, which is what apps attack: bounded in size and
// time.
#pragma once

#include "ipc/base/result.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace fob {

/// The first line from `fd` without its newline; the end of input also ends it. Fails with
/// ErrorCode::bad_request if it is longer than `limit` or not there within `patience`.
Result<std::string> read_line(int fd, std::size_t limit, std::chrono::milliseconds patience);

/// Writes `line` and a newline. False if the other side is gone.
bool write_line(int fd, std::string_view line);

/// At most `limit` bytes of `text`, for a terminal, a log or a journal, where it is made of what others sent.
/// Spaces stand for whatever could move the cursor, end the line or turn its direction: control characters
/// (also U+0080 to U+009F), line separators, and marks of bidirectional text. Does not cut within a
/// character.
std::string printable(std::string_view text, std::size_t limit);

}  // namespace fob
