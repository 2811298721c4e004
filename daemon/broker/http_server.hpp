// HTTP/1.1 on a Unix socket. Everything that arrives here may come from any process on the device and is
// hostile: Beast's parser reads it, sizes and times are bounded, and one user's connections cannot push out
// another's (connections.hpp). What a request means is the handler's affair.
#pragma once

#include "daemon/broker/acquaintance.hpp"
#include "daemon/broker/connections.hpp"
#include "ipc/base/log.hpp"
#include "ipc/base/unique_fd.hpp"
#include "ipc/transport/peer.hpp"
#include "ipc/wire/app_messages.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace fob::broker {

struct Request {
  std::string method;
  std::string target;
  std::string accept;
  std::string body;
  transport::Peer peer;
  /// The same for every request of a connection.
  std::shared_ptr<Acquaintance> acquaintance = nullptr;
  std::string upgrade = {};  ///< the protocol the peer offers to go on with (RFC 9110 §7.8); "" for none
  /// The same bytes came before from such a peer: a Response::repeat would be of use.
  bool again = false;
};

/// The reader of a text/event-stream, as its writer sees it. One thread, the server's.
class EventSink {
 public:
  virtual ~EventSink() = default;
  /// False once the reader is gone, or has not taken what was sent in time: then it is over.
  virtual boost::asio::awaitable<bool> send(std::string text) = 0;
  /// A byte that says "look again", without waiting: where there is no room for it, others like it lie there
  /// unread. False once the reader is gone.
  virtual bool nudge() = 0;
  /// Called when the reader goes away while nothing is being sent.
  virtual void when_gone(std::function<void()> told) = 0;
};
using EventSinkPtr = std::shared_ptr<EventSink>;

/// What is answered when the very same bytes come once more, on this connection or from another peer of the
/// same user, groups and label: the parser, the route and the decision would say the same again.
class Repeat {
 public:
  virtual ~Repeat() = default;
  /// The whole answer to this process, head and body, as serialized() makes it; valid until anything else
  /// happens on the loop. Empty where that is not so any more, and the handler is to be asked.
  virtual std::string_view answer(pid_t asks) = 0;
  /// Whether it will be empty from now on. What it holds is let go then.
  virtual bool is_over() const = 0;
};

/// Another protocol than HTTP from here on.
struct Upgrade {
  std::string protocol;
  std::string fields;  ///< more of the head, each "Name: value\r\n"
  int descriptor;      ///< passed along with the head (SCM_RIGHTS); whoever answers keeps it open meanwhile
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::optional<std::chrono::seconds> retry_after;
  std::string allow;                                ///< for 405
  std::optional<ErrorCode> problem = std::nullopt;  ///< what it refuses with; nothing where it serves
  /// In place of a body: writes events until it returns, or until the reader is gone.
  std::function<boost::asio::awaitable<void>(EventSinkPtr)> events;
  /// With 101: the events follow in this protocol, not as a text/event-stream.
  std::optional<Upgrade> upgrade;
  /// For a GET without a body whose answer depends on nothing but this and the peer's user, groups and label.
  std::shared_ptr<Repeat> repeat;
};

/// The bytes of an answer with a body, on a connection that is kept.
std::string serialized(const Response& response);

/// A problem document as a response.
Response problem_response(const wire::Problem& problem);
Response problem_response(const Error& error);

/// What a server has answered since it began, and what is open now.
struct Traffic {
  std::uint64_t served = 0;
  std::map<std::string_view, std::uint64_t> refused = {};  ///< by the urn of the problem
  std::size_t connections = 0;
  std::size_t event_streams = 0;
  std::size_t page_readers = 0;
};

using Handler = std::function<boost::asio::awaitable<Response>(Request)>;

/// Serves one listening socket on the io_context's thread until it is destroyed.
class HttpServer {
 public:
  HttpServer(boost::asio::io_context& io, UniqueFd listener, ServerLimits limits, Handler handler, Log& log);
  ~HttpServer();

  std::size_t connections() const;
  Traffic traffic() const;
  /// Lets go of answers that hold no more.
  void forget_old();
  /// Takes no more connections; what waits to be accepted stays for a successor. Of those that are open, what
  /// was said before this is answered, and whoever says more finds the connection closed before it was read.
  void drain();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace fob::broker
