#include "daemon/broker/http_server.hpp"

#include "daemon/broker/known_requests.hpp"
#include "ipc/base/passed_descriptors.hpp"
#include "ipc/transport/awaiting.hpp"
#include "ipc/transport/descriptor_reserve.hpp"
#include "ipc/wire/limits.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include <array>
#include <cerrno>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <utility>

namespace fob::broker {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

using Socket = Connection::Socket;
using Acceptor = asio::local::stream_protocol::acceptor;
using Parser = http::request_parser<http::string_body>;

// After a refusal the client may still be sending; this much is read and thrown away so that it sees the
// answer.
constexpr std::size_t k_max_drained = 1024 * 1024;
constexpr std::chrono::seconds k_drain_deadline{2};
// How long accepting rests when the kernel has no descriptor left and no connection could be given up.
constexpr std::chrono::milliseconds k_accept_rest{100};
// Between two looks whether a descriptor has been fetched.
constexpr std::chrono::seconds k_look_whether_fetched{1};
// How long a server that ends waits for the first request of a connection.
constexpr std::chrono::milliseconds k_first_request_grace{250};

struct Session;
using SessionPtr = std::shared_ptr<Session>;

// What stands before the body of an answer.
constexpr std::size_t k_usual_head = 160;
// The audit may have a megabyte. Tokens and states have some kilobytes.
constexpr std::size_t k_large_answer = 128 * 1024UL;
// The end of the connection ends the stream (RFC 9112 §6.3), so it needs no coding.
constexpr const char* k_stream_head =
    "Content-Type: text/event-stream\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n";
// A GET by a common HTTP client has 80 to 250 bytes. What is longer is read in the ordinary way.
constexpr std::size_t k_usual_request = 512;
constexpr std::size_t k_heard_at_once = 1024;
// Who asks without a pause is heard so many times, and once more as many, before the others have their turn.
constexpr int k_turns = 2;

struct Session final : Connection {
  using Connection::Connection;
  bool ended = false;                   ///< the peer has said its last word
  std::string whole;                    ///< what came alone and may be one whole request
  std::shared_ptr<KnownRequest> known;  ///< the last request, if it may come again
  bool passing = false;                 ///< a descriptor is on its way to the peer
  std::string unsent;                   ///< the rest of an answer that the socket did not take at once
  beast::flat_buffer buffer{wire::k_max_head + wire::k_max_body};  ///< empty, and without memory, while idle
  std::shared_ptr<Acquaintance> acquaintance;                      ///< made with the first request
};

// What to tell a client whose bytes Beast does not take; nothing where it has gone away.
std::optional<Error> refusal(const boost::system::error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow)
    return fail(ErrorCode::head_too_large,
                "the request head may have " + std::to_string(wire::k_max_head) + " bytes");
  if (error == http::error::body_limit)
    return fail(ErrorCode::body_too_large,
                "a request body may have " + std::to_string(wire::k_max_body) + " bytes");
  const bool gone = error == http::error::end_of_stream || error == http::error::partial_message;
  if (gone || error.category() != make_error_code(http::error::bad_method).category()) return std::nullopt;
  return fail(ErrorCode::bad_request, "this is not HTTP/1.1: " + error.message());
}

// The bytes of an answer (RFC 9112 §4); of HEAD without its body. What stands in it is fobd's own.
std::string to_bytes(const Response& response, unsigned version, bool keep_alive, bool with_body = true) {
  const auto reason = http::obsolete_reason(static_cast<http::status>(response.status));
  std::string bytes;
  bytes.reserve(k_usual_head + response.body.size());
  bytes.append("HTTP/1.")
      .append(version == 10 ? "0 " : "1 ")
      .append(std::to_string(response.status))
      .append(" ");
  bytes.append(reason.data(), reason.size());
  bytes.append("\r\nContent-Type: ").append(response.content_type).append("\r\nCache-Control: no-store\r\n");
  if (response.retry_after)
    bytes.append("Retry-After: ").append(std::to_string(response.retry_after->count())).append("\r\n");
  if (!response.allow.empty()) bytes.append("Allow: ").append(response.allow).append("\r\n");
  // Each version says what it would not do by itself.
  if (version == 10 && keep_alive) bytes.append("Connection: keep-alive\r\n");
  if (version != 10 && !keep_alive) bytes.append("Connection: close\r\n");
  bytes.append("Content-Length: ").append(std::to_string(response.body.size())).append("\r\n\r\n");
  if (with_body) bytes.append(response.body);
  return bytes;
}

// One more of something, while it lives.
class OneMore {
 public:
  explicit OneMore(std::size_t& count) : count_(count) { ++count_; }
  OneMore(const OneMore&) = delete;
  OneMore& operator=(const OneMore&) = delete;
  ~OneMore() { --count_; }

 private:
  std::size_t& count_;
};

// How much of it the socket took at once; all, where the peer has gone: the next to use it notices.
std::size_t send_now(Session& session, std::string_view bytes) {
  const ssize_t sent =
      ::send(session.socket.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) return static_cast<std::size_t>(sent);
  return errno == EPIPE || errno == ECONNRESET ? bytes.size() : 0;
}

// Whether the peer has not read yet what a descriptor was passed with.
bool holds_head(Session& session) {
  int unread = 0;
  session.passing =
      session.passing && ::ioctl(session.socket.native_handle(), SIOCOUTQ, &unread) == 0 && unread > 0;
  return session.passing;
}

Response too_many_streams() {
  return problem_response(
      {ErrorCode::too_many_requests,
       "too many event streams of this user are open; close some, or follow a profile once and share it",
       std::chrono::seconds(1)});
}

std::string text_of(beast::string_view view) { return {view.data(), view.size()}; }

Request to_request(Parser& parser, Session& session) {
  auto& message = parser.get();
  if (!session.acquaintance) {
    session.acquaintance = std::make_shared<Acquaintance>();
    transport::hold_process(session.peer, session.socket.native_handle());
  }
  return {text_of(message.method_string()),
          text_of(message.target()),
          text_of(message[http::field::accept]),
          std::move(message.body()),
          session.peer,
          session.acquaintance,
          parser.upgrade() ? text_of(message[http::field::upgrade]) : std::string()};
}

}  // namespace

std::string serialized(const Response& response) { return to_bytes(response, 11, true); }

Response problem_response(const wire::Problem& problem) {
  Response response;
  response.status = traits(problem.code).http_status;
  response.content_type = "application/problem+json";
  response.body = encode(problem);
  response.retry_after = problem.retry_after;
  response.problem = problem.code;
  return response;
}

Response problem_response(const Error& error) {
  return problem_response({error.code, error.detail, std::nullopt});
}

class HttpServer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& io, UniqueFd listener, ServerLimits limits, Handler handler, Log& log)
      : io_(io),
        acceptor_(io, asio::local::stream_protocol(), listener.release()),
        reserve_(io),
        grace_(io),
        limits_(limits),
        known_(std::make_shared<KnownRequests>()),
        connections_(std::make_shared<Connections>(io, limits, [known = known_] { known->clear(); })),
        handler_(std::move(handler)),
        log_(log) {}

  void start() { asio::co_spawn(io_, accept_loop(shared_from_this()), asio::detached); }

  void stop() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    stopped_ = true;
    grace_.cancel();
    connections_->stop();
  }

  void drain() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    stopped_ = true;
    draining_ = true;
    connections_->hear_no_more(false);
    // Who has only just connected has not had the time to ask.
    grace_.expires_after(k_first_request_grace);
    grace_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) self->connections_->hear_no_more(true);
    });
  }

  std::size_t connections() const { return connections_->size(); }
  Traffic traffic() const {
    Traffic traffic = traffic_;
    traffic.connections = connections_->size();
    return traffic;
  }
  void forget_old() { known_->forget_old(); }

 private:
  class Sink final : public EventSink {
   public:
    Sink(std::shared_ptr<Impl> server, SessionPtr session)
        : server_(std::move(server)), session_(std::move(session)) {}
    asio::awaitable<bool> send(std::string text) override {
      return server_->write(session_, std::move(text));
    }
    bool nudge() override {
      if (!session_->socket.is_open()) return false;
      if (holds_head(*session_)) return true;
      constexpr int k_flags = MSG_DONTWAIT | MSG_NOSIGNAL;
      return ::send(session_->socket.native_handle(), "\n", 1, k_flags) == 1 || errno == EAGAIN;
    }
    void when_gone(std::function<void()> told) override { told_ = std::move(told); }
    void gone() {
      if (const auto told = std::exchange(told_, nullptr)) told();
    }

   private:
    std::shared_ptr<Impl> server_;
    SessionPtr session_;
    std::function<void()> told_;
  };

  static asio::awaitable<void> accept_loop(std::shared_ptr<Impl> self) {
    while (!self->stopped_) {
      self->reserve_.prepare(self->connections_->size());
      auto [error, socket] = co_await self->acceptor_.async_accept(transport::k_tuple);
      if (!error) {
        self->admit(std::move(socket));
      } else if (!self->stopped_ && error != asio::error::connection_aborted &&
                 !self->connections_->make_room()) {
        self->log_.say(Event::accept_failed, "cannot accept connections: " + error.message());
        asio::steady_timer rest(self->io_, k_accept_rest);
        co_await rest.async_wait(transport::k_tuple);
      }
    }
  }

  void admit(asio::local::stream_protocol::socket socket) {
    auto peer = transport::peer_of(socket.native_handle());
    if (!peer) {
      log_.say(Event::unknown_peer, "a connection was dropped: " + peer.error().detail);
      return;
    }
    auto session = std::make_shared<Session>(Socket(std::move(socket)), std::move(*peer));
    if (!connections_->admit(session)) return turn_away(*session);
    listen(session);
  }

  // An idle connection costs no coroutine, no timer and no buffer.
  void listen(SessionPtr session) {
    connections_->await_request(session);
    connections_->set_deadline(*session, session->answered ? limits_.idle_deadline : limits_.head_deadline);
    session->socket.async_heed(
        [self = shared_from_this(), heeded = session.get()] { return self->heed(*heeded); },
        [self = shared_from_this(), session](const boost::system::error_code& error) {
          if (!error) return self->hear(session);
          // The socket was closed, or there is more to hear than was told (Connections::sweep).
          return session->socket.is_open() ? self->listen(session) : self->connections_->leave(session);
        });
  }

  // In the midst of the reactor: answers what is known, as long as nothing else comes. That is for the
  // parser.
  bool heed(Session& session) {
    for (int turns = 0; turns < k_turns; ++turns) {
      const ssize_t size = ::recv(session.socket.native_handle(), heard_.data(), heard_.size(), MSG_DONTWAIT);
      if (size < 0 && errno == EAGAIN) return true;
      session.ended = size <= 0;
      if (session.ended) return false;
      const bool first = !session.answered;
      const std::string_view all(heard_.data(), static_cast<std::size_t>(size));
      std::string_view left = all;
      while (answer_known(session, left)) continue;
      if (!left.empty() || !session.unsent.empty()) {
        session.buffer.commit(asio::buffer_copy(session.buffer.prepare(left.size()), asio::buffer(left)));
        if (left.size() == all.size() && all.size() <= k_usual_request) session.whole = all;
        return false;
      }
      connections_->answered_in_passing(session);
      // With its first request a peer often says its last word; later that has time until the look at it.
      if (!first && all.size() < heard_.size()) return true;
    }
    return false;  // there may be more, which is heard after the others
  }

  // Whether `bytes` began with a request that was answered at once; takes it away then. A bug there costs a
  // longer way, not the daemon.
  bool answer_known(Session& session, std::string_view& bytes) {
    if (bytes.empty() || draining_ || !session.unsent.empty()) return false;
    try {
      if (!session.known) session.known = known_->begins(bytes, session.peer);
      if (!session.known || !session.known->repeat || !bytes.starts_with(session.known->bytes)) return false;
      const std::string_view answer = session.known->repeat->answer(session.peer.pid);
      if (answer.empty()) return false;
      bytes.remove_prefix(session.known->bytes.size());
      session.unsent = answer.substr(send_now(session, answer));
      session.answered = true;
      ++traffic_.served;
      return true;
    } catch (const std::exception& exception) {
      report("a request failed", exception);
    }
    return false;
  }

  void hear(const SessionPtr& session) {
    if (session->ended) return connections_->leave(session);
    if (session->buffer.size() == 0 && session->unsent.empty()) return listen(session);
    asio::co_spawn(io_, serve(shared_from_this(), session), asio::detached);
  }

  // Answers what was heard, and listens again.
  static asio::awaitable<void> serve(std::shared_ptr<Impl> self, SessionPtr session) {
    bool open = true;
    std::string unsent = std::exchange(session->unsent, "");
    if (!unsent.empty()) open = co_await self->write(session, std::move(unsent));
    while (open && session->socket.is_open() && session->buffer.size() > 0) {
      open = co_await self->serve_one(session);
      // Who asks for much at once takes turns with the others.
      if (session->buffer.size() > 0) co_await asio::post(self->io_, transport::k_tuple);
    }
    if (!open || !session->socket.is_open()) {
      self->connections_->leave(session);
      co_return;
    }
    session->buffer.shrink_to_fit();
    self->listen(session);
  }

  void count(const Response& response) {
    if (response.problem) {
      ++traffic_.refused[traits(*response.problem).urn];
    } else {
      ++traffic_.served;
    }
  }

  // One request and its answer; whether the connection lives on.
  asio::awaitable<bool> serve_one(SessionPtr session) {
    Parser parser;
    parser.header_limit(wire::k_max_head);
    parser.body_limit(wire::k_max_body);
    const auto error = co_await read(session, parser);
    Connections::request_came(*session);
    if (error) {
      if (const auto refused = refusal(error)) co_await refuse(session, *refused);
      co_return false;
    }

    const unsigned version = parser.get().version();
    const bool keep_alive = parser.get().keep_alive();
    const bool is_head = parser.get().method() == http::verb::head;
    const std::string repeatable = may_come_again(*session, parser);
    const auto known = repeatable.empty() ? nullptr : known_->begins(repeatable, session->peer);
    Request request = to_request(parser, *session);
    request.again = known != nullptr;
    Response response = co_await answer(std::move(request));
    session->answered = true;
    remember(*session, repeatable, known, response);
    const bool streams = response.events && !is_head;
    if (streams && connections_->may_stream(session->peer.uid)) {
      count(response);
      co_await stream(session, response, version);
      co_return false;
    }
    if (streams) response = too_many_streams();
    count(response);
    // RFC 9110 §9.3.2: to HEAD the head of what GET would get. A body would be taken for the next answer.
    std::string bytes = to_bytes(response, version, keep_alive && !draining_, !is_head);
    bytes.erase(0, send_now(*session, bytes));
    bool written = true;
    if (!bytes.empty()) written = co_await write(session, std::move(bytes));
    if (response.body.size() >= k_large_answer) connections_->was_large();
    co_return written&& keep_alive && !draining_;
  }

  // The bytes of a request that came alone, and means the same whenever it comes; empty where it is another.
  static std::string may_come_again(Session& session, const Parser& parser) {
    const auto& message = parser.get();
    std::string bytes = std::exchange(session.whole, "");
    const bool plain = session.buffer.size() == 0 && message.method() == http::verb::get &&
                       message.version() == 11 && message.keep_alive() && message.body().empty();
    return plain ? bytes : std::string();
  }

  // Only what was had: for refusals nobody else's place is taken.
  void remember(Session& session, const std::string& bytes, KnownRequests::Known known,
                const Response& response) {
    session.known.reset();
    if (bytes.empty() || response.status != 200) return;
    session.known = known ? std::move(known) : known_->add(bytes, session.peer);
    session.known->repeat = response.repeat;
  }

  asio::awaitable<boost::system::error_code> read(SessionPtr session, Parser& parser) {
    connections_->await_request(session);
    connections_->set_deadline(*session, limits_.head_deadline);
    boost::system::error_code error;
    session->buffer.consume(parser.put(session->buffer.data(), error));
    if (error == http::error::need_more) error = {};
    if (!error && !parser.is_header_done()) {
      session->whole.clear();
      const auto [head_error, head_size] =
          co_await http::async_read_header(session->socket, session->buffer, parser, transport::k_tuple);
      error = head_error;
    }
    if (error || parser.is_done()) co_return error;
    session->whole.clear();

    if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
      std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
      const bool written = co_await write(session, std::move(go_on));
      if (!written) co_return asio::error::broken_pipe;
    }
    connections_->set_deadline(*session, limits_.body_deadline);
    const auto [body_error, body_size] =
        co_await http::async_read(session->socket, session->buffer, parser, transport::k_tuple);
    co_return body_error;
  }

  // A bug in a handler costs its own request, not the daemon.
  asio::awaitable<Response> answer(Request request) {
    try {
      co_return co_await handler_(std::move(request));
    } catch (const std::exception& exception) {
      report("a request failed", exception);
    }
    co_return problem_response(fail(ErrorCode::internal, "fobd could not answer; its log says why"));
  }

  asio::awaitable<void> stream(SessionPtr session, Response response, unsigned version) {
    // Counted before anything is awaited, so that none slips past the bound meanwhile.
    const Connections::Stream counted(connections_, session->peer.uid);
    const OneMore open(response.upgrade ? traffic_.page_readers : traffic_.event_streams);
    bool written = false;
    if (response.upgrade) {
      written = send_upgrade(*session, *response.upgrade);
    } else {
      std::string head = version == 10 ? "HTTP/1.0 200 OK\r\n" : "HTTP/1.1 200 OK\r\n";
      head += k_stream_head;
      written = co_await write(session, std::move(head));
    }
    if (!written) co_return;
    Connections::clear_deadline(*session);
    const auto sink = std::make_shared<Sink>(shared_from_this(), session);
    asio::co_spawn(io_, notice_end(shared_from_this(), session, sink), asio::detached);
    try {
      co_await response.events(sink);
    } catch (const std::exception& exception) {
      report("an event stream failed", exception);
    }
    co_await await_taken(session);
  }

  // A descriptor on its way is charged to fobd, whoever does not fetch it, and of those it may have only so
  // many (unix(7), ETOOMANYREFS). While it is under way the connection is kept, and counts.
  asio::awaitable<void> await_taken(SessionPtr session) {
    asio::steady_timer look(io_);
    while (!draining_ && session->socket.is_open() && holds_head(*session)) {
      look.expires_after(k_look_whether_fetched);
      co_await look.async_wait(transport::k_tuple);
    }
  }

  // A socket's buffer takes this much of a peer that has read what came before; another one is not waited
  // for.
  static bool send_upgrade(Session& session, const Upgrade& upgrade) {
    const std::string head =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + upgrade.protocol +
        "\r\nCache-Control: no-store\r\n" + upgrade.fields + "\r\n";
    const std::array passed{upgrade.descriptor};
    session.passing = true;
    return send_with(session.socket.native_handle(), head, passed, MSG_DONTWAIT) ==
           static_cast<ssize_t>(head.size());
  }

  // A reader of events has nothing more to say: whatever comes from it is its end.
  static asio::awaitable<void> notice_end(std::shared_ptr<Impl> self, SessionPtr session,
                                          std::shared_ptr<Sink> sink) {
    co_await session->socket.async_wait(Socket::wait_read, transport::k_tuple);
    co_await self->await_taken(session);
    Connections::close(*session);
    sink->gone();
  }

  asio::awaitable<bool> write(SessionPtr session, std::string text) {
    if (!session->socket.is_open()) co_return false;
    connections_->set_deadline(*session, limits_.write_deadline);
    const auto bytes = asio::buffer(text);
    const auto [error, size] = co_await asio::async_write(session->socket, bytes, transport::k_tuple);
    Connections::clear_deadline(*session);
    if (text.size() >= k_large_answer) connections_->was_large();
    co_return !error;
  }

  asio::awaitable<void> refuse(SessionPtr session, Error error) {
    const Response response = problem_response(error);
    count(response);
    std::string bytes = to_bytes(response, 11, false);
    const bool written = co_await write(session, std::move(bytes));
    if (!written) co_return;
    boost::system::error_code ignored;
    session->socket.shutdown(Socket::shutdown_send, ignored);
    connections_->set_deadline(*session, k_drain_deadline);
    std::array<char, 4096> waste{};
    for (std::size_t drained = 0; drained < k_max_drained;) {
      const auto into = asio::buffer(waste);
      const auto [read_error, size] = co_await session->socket.async_read_some(into, transport::k_tuple);
      if (read_error) co_return;
      drained += size;
    }
  }

  void report(const std::string& what, const std::exception& exception) {
    log_.say(Event::bug, what + ": " + exception.what() + "; please report this");
  }

  // Best effort and without waiting: an answer this small fits the socket's buffer.
  void turn_away(Session& session) {
    const wire::Problem problem{ErrorCode::too_many_requests,
                                "too many connections are open; close some, or keep one open and reuse it",
                                std::chrono::seconds(1)};
    const Response response = problem_response(problem);
    count(response);
    send_now(session, to_bytes(response, 11, false));
  }

  asio::io_context& io_;
  Acceptor acceptor_;
  transport::DescriptorReserve reserve_;
  asio::steady_timer grace_;
  ServerLimits limits_;
  std::array<char, k_heard_at_once> heard_;  ///< what a connection that was idle says; of one at a time
  std::shared_ptr<KnownRequests> known_;
  std::shared_ptr<Connections> connections_;
  Handler handler_;
  Log& log_;
  Traffic traffic_;
  bool stopped_ = false;
  bool draining_ = false;
};

HttpServer::HttpServer(asio::io_context& io, UniqueFd listener, ServerLimits limits, Handler handler,
                       Log& log)
    : impl_(std::make_shared<Impl>(io, std::move(listener), limits, std::move(handler), log)) {
  impl_->start();
}

HttpServer::~HttpServer() { impl_->stop(); }

void HttpServer::drain() { impl_->drain(); }

std::size_t HttpServer::connections() const { return impl_->connections(); }

Traffic HttpServer::traffic() const { return impl_->traffic(); }

void HttpServer::forget_old() { impl_->forget_old(); }

}  // namespace fob::broker
