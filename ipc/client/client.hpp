// A blocking HTTP/1.1 client over a Unix socket: one connection, one request, one answer, every step under
// one deadline. It needs no event loop, so that it can live inside a command or any app. What answers is
// trusted to be whoever may bind the socket (root's directory guards that), but its bytes are bounded and
// checked.
#pragma once

#include "ipc/base/clock.hpp"
#include "ipc/client/http_answer.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace fob::client {

/// fobd answers at once, or when the `wait` it was asked for is over; what comes later than this is not
/// coming.
inline constexpr std::chrono::milliseconds k_slack = std::chrono::seconds(10);

/// A time as a parameter of fobd's, in seconds with three decimals.
std::string in_seconds(std::chrono::milliseconds duration);

enum class Verb : std::uint8_t { get, post };

struct HttpRequest {
  Verb verb = Verb::get;
  std::string target;  ///< origin form, already percent-encoded
  std::string body;    ///< JSON; sent with POST only
  std::string_view accept = "application/json";
};

class Client {
 public:
  /// `when_refused` ends the message of a connection the kernel forbids: what the caller can do about it.
  Client(std::filesystem::path socket, const Clock& clock, std::string when_refused);

  /// The answer, whatever its status. Fails with daemon_not_running (nobody listens), timeout (not all of it
  /// came `within` that time), not_granted (the kernel forbids the connection), config (the socket's path is
  /// too long for a socket) or internal (the answer is cut short, too long or not HTTP).
  Result<HttpAnswer> request(const HttpRequest& request, std::chrono::milliseconds within) const;

  /// The same, where anything but 200 is a failure: its problem document, as code and detail.
  Result<HttpAnswer> demand(const HttpRequest& request, std::chrono::milliseconds within) const;

  /// An answer that goes on: hands each part of its body to `taken` as it comes, until that says false or the
  /// answer ends. Fails as demand() does, and with daemon_not_running where fobd ends it, or is silent for
  /// longer than `silence`.
  Result<void> follow(const HttpRequest& request, std::chrono::milliseconds silence,
                      const std::function<Result<bool>(std::string_view part)>& taken) const;

 private:
  std::filesystem::path socket_;
  const Clock& clock_;
  std::string when_refused_;
};

}  // namespace fob::client
