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

// `limit`, or where the character of UTF-8 begins that it would cut in two.
std::size_t end_of_characters(std::string_view text, std::size_t limit) {
  constexpr std::size_t k_longest = 4;
  constexpr unsigned char k_continues = 0x80, k_kind = 0xc0;
  if (text.size() <= limit) return text.size();
  std::size_t end = limit;
  while (end > 0 && limit - end < k_longest &&
         (static_cast<unsigned char>(text[end]) & k_kind) == k_continues)
    --end;
  return end;
}

// How many bytes at the beginning are a character that steers a terminal or the direction of its text, in
// UTF-8; 0 where none does.
std::size_t size_of_steering(std::string_view text) {
  const auto within = [&](std::string_view lead, unsigned char first, unsigned char last) {
    if (!text.starts_with(lead) || text.size() <= lead.size()) return false;
    const auto c = static_cast<unsigned char>(text[lead.size()]);
    return first <= c && c <= last;
  };
  if (within("\xc2", 0x80, 0x9f)) return 2;      // U+0080 to U+009F
  if (within("\xd8", 0x9c, 0x9c)) return 2;      // U+061C
  if (within("\xe2\x80", 0x8e, 0x8f)) return 3;  // U+200E, U+200F
  if (within("\xe2\x80", 0xa8, 0xae)) return 3;  // U+2028 to U+202E
  if (within("\xe2\x81", 0xa6, 0xa9)) return 3;  // U+2066 to U+2069
  return 0;
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
  std::string out(text.substr(0, end_of_characters(text, limit)));
  std::replace_if(
      out.begin(), out.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  for (std::size_t at = 0; at < out.size(); ++at) {
    const std::size_t size = size_of_steering(std::string_view(out).substr(at));
    std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(at), size, ' ');
  }
  return out;
}

}  // namespace fob
