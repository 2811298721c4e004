#include "ipc/client/client.hpp"

#include "ipc/base/file.hpp"
#include "ipc/base/unique_fd.hpp"
#include "ipc/base/unix_address.hpp"
#include "ipc/wire/app_messages.hpp"
#include "ipc/wire/limits.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace fob::client {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t k_chunk = 16 * 1024;

// The instant by which all must be done, and how to say that it was not.
class Deadline {
 public:
  Deadline(const Clock& clock, milliseconds within)
      : clock_(clock), end_(clock.boot_now() + within), within_(within) {}

  /// Rounded up, so that it is 0 only once the end has come.
  milliseconds left() const {
    const auto left = std::chrono::ceil<milliseconds>(end_ - clock_.boot_now());
    return std::max(left, milliseconds(0));
  }
  Error passed(const std::filesystem::path& socket) const {
    return fail(ErrorCode::timeout, "fobd did not answer at " + socket.string() + " within " +
                                        std::to_string(within_.count()) + " ms; its log says why");
  }

 private:
  const Clock& clock_;
  BootTime end_;
  milliseconds within_;
};

// Waits until `fd` is ready for `events`; false once the deadline has passed.
bool wait_for(int fd, short events, const Deadline& deadline) {
  while (true) {
    pollfd waiting{fd, events, 0};
    const milliseconds left = deadline.left();
    if (left.count() == 0) return false;
    if (::poll(&waiting, 1, static_cast<int>(left.count())) > 0) return true;
  }
}

// What systemd runs is its to start, with its user and in its sandbox.
std::string start_of(const std::filesystem::path& socket) {
  std::error_code ignored;
  const bool units = std::filesystem::exists("/run/systemd/system", ignored);  // sd_booted(3)
  if (units && socket.parent_path() == "/run/fob") return "systemctl start fob";
  return std::string(units ? "systemctl --user start fob, or by hand: " : "") + "fobd --config FILE";
}

Error cannot_connect(const std::filesystem::path& socket, const std::string& when_refused,
                     const Deadline& deadline) {
  const int reason = errno;
  const std::string at = socket.string();
  if (reason == ENOENT || reason == ECONNREFUSED || reason == ENOTDIR)
    return fail(ErrorCode::daemon_not_running,
                "fobd is not running (no one answers at " + at + "); start it: " + start_of(socket));
  if (reason == EACCES || reason == EPERM)
    return fail(ErrorCode::not_granted, "this user may not use " + at + "; " + when_refused);
  if (reason == EAGAIN) return deadline.passed(socket);
  return fail(ErrorCode::internal, with_errno(at));
}

Result<UniqueFd> open_connection(const std::filesystem::path& socket, const std::string& when_refused,
                                 const Deadline& deadline) {
  const auto address = unix_address(socket.native());
  if (!address)
    return fail(ErrorCode::config, socket.string() + " is longer than the " +
                                       std::to_string(k_max_socket_path) +
                                       " bytes a socket's path may have; choose a shorter --runtime-dir");
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return fail(ErrorCode::internal, with_errno("socket"));
  // A full backlog makes connect(2) wait; on Unix sockets this option is what bounds it (socket(7)).
  const milliseconds left = std::max(deadline.left(), milliseconds(1));  // 0 would mean for ever
  const timeval bound{left.count() / 1000, left.count() % 1000 * 1000};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound);
  int connected = 0;
  do {
    connected = connect_unix(fd.get(), *address);
  } while (connected != 0 && errno == EINTR && deadline.left().count() > 0);
  if (connected != 0) return cannot_connect(socket, when_refused, deadline);
  return fd;
}

std::string encode(const HttpRequest& request) {
  const bool post = request.verb == Verb::post;
  std::string head = (post ? "POST " : "GET ") + request.target +
                     " HTTP/1.1\r\nHost: fob\r\nAccept: " + std::string(request.accept) +
                     "\r\nConnection: close\r\n";
  if (post)
    head +=
        "Content-Type: application/json\r\nContent-Length: " + std::to_string(request.body.size()) + "\r\n";
  return head + "\r\n" + (post ? request.body : "");
}

// Whether all was sent. A peer that stops listening is no failure here: it may have answered first (413), so
// reading decides.
bool send_all(int fd, std::string_view bytes, const Deadline& deadline) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      if (!wait_for(fd, POLLOUT, deadline)) return false;
    } else if (errno != EINTR) {
      return true;
    }
  }
  return true;
}

Result<HttpAnswer> read_answer(int fd, const std::filesystem::path& socket, const Deadline& deadline) {
  HttpAnswerReader reader(wire::k_max_answer);
  std::array<char, k_chunk> chunk{};
  while (true) {
    if (!wait_for(fd, POLLIN, deadline)) return deadline.passed(socket);
    const ssize_t n = ::recv(fd, chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) {
      if (auto ended = reader.end(); !ended) return ended.error();
      return reader.answer();
    }
    const auto complete = reader.take({chunk.data(), static_cast<std::size_t>(n)});
    if (!complete) return complete.error();
    if (*complete) return reader.answer();
  }
}

// Any answer but 200, as code and detail.
Error as_error(const HttpAnswer& answer) {
  wire::Problem problem = wire::decode_problem(answer.status, answer.body);
  if (problem.detail.empty()) problem.detail = traits(problem.code).title;
  if (answer.retry_after)
    problem.detail += " (worth another try in " + std::to_string(answer.retry_after->count()) + " s)";
  return fail(problem.code, std::move(problem.detail));
}

Error stream_ended(const std::filesystem::path& socket, std::string_view how) {
  return fail(ErrorCode::daemon_not_running, "fobd at " + socket.string() + " " + std::string(how));
}

}  // namespace

std::string in_seconds(milliseconds duration) {
  std::string thousandths = std::to_string(duration.count() % 1000);
  thousandths.insert(0, 3 - thousandths.size(), '0');
  return std::to_string(duration.count() / 1000) + "." + thousandths;
}

Client::Client(std::filesystem::path socket, const Clock& clock, std::string when_refused)
    : socket_(std::move(socket)), clock_(clock), when_refused_(std::move(when_refused)) {}

Result<HttpAnswer> Client::request(const HttpRequest& request, milliseconds within) const {
  const Deadline deadline(clock_, within);
  const auto connection = open_connection(socket_, when_refused_, deadline);
  if (!connection) return connection.error();
  if (!send_all(connection->get(), encode(request), deadline)) return deadline.passed(socket_);
  return read_answer(connection->get(), socket_, deadline);
}

Result<HttpAnswer> Client::demand(const HttpRequest& request, milliseconds within) const {
  auto answer = this->request(request, within);
  if (!answer || answer->status == 200) return answer;
  return as_error(*answer);
}

Result<void> Client::follow(const HttpRequest& request, milliseconds silence,
                            const std::function<Result<bool>(std::string_view)>& taken) const {
  const Deadline opening(clock_, silence);
  const auto connection = open_connection(socket_, when_refused_, opening);
  if (!connection) return connection.error();
  if (!send_all(connection->get(), encode(request), opening)) return opening.passed(socket_);

  auto reader = HttpAnswerReader::of_stream();
  std::array<char, k_chunk> chunk{};
  while (true) {
    if (!wait_for(connection->get(), POLLIN, Deadline(clock_, silence)))
      return stream_ended(socket_, "has fallen silent");
    const ssize_t n = ::recv(connection->get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return stream_ended(socket_, "has ended the stream");
    const auto complete = reader.take({chunk.data(), static_cast<std::size_t>(n)});
    if (!complete) return complete.error();
    if (reader.status() == 200) {
      const auto more = taken(reader.take_body());
      if (!more) return more.error();
      if (!*more) return {};
    } else if (*complete) {
      return as_error(reader.answer());
    }
  }
}

}  // namespace fob::client
