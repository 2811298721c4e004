#include "ipc/base/line.hpp"

#include "ipc/base/file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <unistd.h>

namespace fob {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// False: nothing to read until `deadline`.
bool await_input(int fd, steady_clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd watched{fd, POLLIN, 0};
    const int ready = ::poll(&watched, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return true;  // let read(2) say what is wrong
  }
}

}  // namespace

Result<std::string> read_line(int fd, std::size_t limit, milliseconds patience) {
  const auto deadline = steady_clock::now() + patience;
  std::string line;
  std::array<char, 512> chunk{};
  while (true) {
    if (!await_input(fd, deadline))
      return fail(ErrorCode::bad_request, "no whole line within " + std::to_string(patience.count()) + " ms");
    const ssize_t n = ::read(fd, chunk.data(), chunk.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) return fail(ErrorCode::bad_request, with_errno("the line"));
    const std::string_view part(chunk.data(), static_cast<std::size_t>(n));
    line += part.substr(0, part.find('\n'));
    if (line.size() > limit)
      return fail(ErrorCode::bad_request, "the line is longer than " + std::to_string(limit) + " bytes");
    if (n == 0 || part.find('\n') != part.npos) return line;
  }
}

bool write_line(int fd, std::string_view line) {
  const std::string text = std::string(line) + "\n";
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t n = ::write(fd, rest.data(), rest.size());
    if (n < 0 && errno == EAGAIN) {
      pollfd watched{fd, POLLOUT, 0};
      ::poll(&watched, 1, -1);
    } else if (n < 0 && errno != EINTR) {
      return false;
    } else if (n > 0) {
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  return true;
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string out(text.substr(0, limit));
  std::replace_if(
      out.begin(), out.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return out;
}

}  // namespace fob
