#include "daemon/broker/http_server.hpp"

#include "ipc/transport/descriptor_reserve.hpp"
#include "ipc/transport/timers.hpp"
#include "ipc/wire/limits.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <algorithm>
#include <array>
#include <list>
#include <malloc.h>
#include <map>
#include <utility>

namespace fob::broker {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

using Socket = asio::local::stream_protocol::socket;
using Acceptor = asio::local::stream_protocol::acceptor;
using Steady = std::chrono::steady_clock;
using Parser = http::request_parser<http::string_body>;

constexpr auto k_tuple = asio::as_tuple(asio::use_awaitable);

// After a refusal the client may still be sending; this much is read and thrown away so that it sees the
// answer.
constexpr std::size_t k_max_drained = 1024 * 1024;
constexpr std::chrono::seconds k_drain_deadline{2};
// How long accepting rests when the kernel has no descriptor left and no connection could be given up.
constexpr std::chrono::milliseconds k_accept_rest{100};
// From so many connections on, their memory is given back to the kernel once they are gone.
constexpr std::size_t k_crowd = 64;
constexpr std::chrono::milliseconds k_trim_delay{500};

struct Session;
using SessionPtr = std::shared_ptr<Session>;

struct Session {
  Session(Socket s, transport::Peer p) : socket(std::move(s)), peer(std::move(p)) {}
  Socket socket;
  transport::Peer peer;
  beast::flat_buffer buffer{wire::k_max_head + wire::k_max_body};
  Steady::time_point deadline = Steady::time_point::max();
  bool answered = false;   ///< at least one request; before that there is no patience for an idle connection
  bool evictable = false;  ///< waiting for a request, or for the rest of one
  std::optional<std::list<SessionPtr>::iterator> place;  ///< among the server's sessions
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

http::response<http::string_body> to_http(const Response& response, unsigned version, bool keep_alive) {
  http::response<http::string_body> message(static_cast<http::status>(response.status), version);
  message.set(http::field::content_type, response.content_type);
  message.set(http::field::cache_control, "no-store");
  if (response.retry_after)
    message.set(http::field::retry_after, std::to_string(response.retry_after->count()));
  if (!response.allow.empty()) message.set(http::field::allow, response.allow);
  message.body() = response.body;
  message.keep_alive(keep_alive);
  message.prepare_payload();
  return message;
}

Response too_many_streams() {
  return problem_response(
      {ErrorCode::too_many_requests,
       "too many event streams of this user are open; close some, or follow a profile once and share it",
       std::chrono::seconds(1)});
}

std::string text_of(beast::string_view view) { return {view.data(), view.size()}; }

Request to_request(Parser& parser, const transport::Peer& peer) {
  auto& message = parser.get();
  return {text_of(message.method_string()), text_of(message.target()), text_of(message[http::field::accept]),
          std::move(message.body()), peer};
}

}  // namespace

Response problem_response(const wire::Problem& problem) {
  Response response;
  response.status = traits(problem.code).http_status;
  response.content_type = "application/problem+json";
  response.body = encode(problem);
  response.retry_after = problem.retry_after;
  return response;
}

Response problem_response(const Error& error) {
  return problem_response({error.code, error.detail, std::nullopt});
}

class HttpServer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& io, UniqueFd listener, ServerLimits limits, Handler handler, spdlog::logger& log)
      : io_(io),
        acceptor_(io, asio::local::stream_protocol(), listener.release()),
        sweep_(io),
        trim_(io),
        reserve_(io),
        limits_(limits),
        handler_(std::move(handler)),
        log_(log) {}

  void start() { asio::co_spawn(io_, accept_loop(shared_from_this()), asio::detached); }

  void stop() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    stopped_ = true;
    sweep_.cancel();
    trim_.cancel();
    for (const auto& session : sessions_) session->socket.close(ignored);
  }

  std::size_t connections() const { return sessions_.size(); }

 private:
  class Sink final : public EventSink {
   public:
    Sink(std::shared_ptr<Impl> server, SessionPtr session)
        : server_(std::move(server)), session_(std::move(session)) {}
    asio::awaitable<bool> send(std::string text) override {
      return server_->write_text(session_, std::move(text));
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

  // One more stream of a user, while it lives.
  class StreamCount {
   public:
    StreamCount(std::map<uid_t, std::size_t>& streams, uid_t uid) : streams_(streams), uid_(uid) {
      ++streams_[uid_];
    }
    StreamCount(const StreamCount&) = delete;
    StreamCount& operator=(const StreamCount&) = delete;
    ~StreamCount() {
      if (--streams_[uid_] == 0) streams_.erase(uid_);
    }

   private:
    std::map<uid_t, std::size_t>& streams_;
    uid_t uid_;
  };

  static asio::awaitable<void> accept_loop(std::shared_ptr<Impl> self) {
    while (!self->stopped_) {
      self->reserve_.prepare(self->sessions_.size());
      auto [error, socket] = co_await self->acceptor_.async_accept(k_tuple);
      if (!error) {
        self->admit(std::move(socket));
      } else if (!self->stopped_ && error != asio::error::connection_aborted && !self->evict(std::nullopt)) {
        self->log_.warn("cannot accept connections: {}", error.message());
        asio::steady_timer rest(self->io_, k_accept_rest);
        co_await rest.async_wait(k_tuple);
      }
    }
  }

  // Closes what is past its deadline. One timer for all connections, armed for the earliest; none when none
  // is open.
  void sweep() {
    const auto now = Steady::now();
    auto next = Steady::time_point::max();
    for (const auto& session : sessions_) {
      if (session->deadline <= now) {
        close(*session);
      } else {
        next = std::min(next, session->deadline);
      }
    }
    arm_sweep(next);
  }

  void arm_sweep(Steady::time_point when) {
    armed_ = when;
    sweep_.cancel();
    if (when == Steady::time_point::max()) return;
    sweep_.expires_at(when);
    sweep_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error && !self->stopped_) self->sweep();
    });
  }

  static void close(Session& session) {
    boost::system::error_code ignored;
    session.socket.close(ignored);
    session.deadline = Steady::time_point::max();
    session.evictable = false;
  }

  void set_deadline(Session& session, std::chrono::seconds from_now) {
    session.deadline = Steady::now() + from_now;
    if (session.deadline < armed_) arm_sweep(session.deadline);
  }

  void admit(Socket socket) {
    auto peer = transport::peer_of(socket.native_handle());
    if (!peer) {
      log_.warn("a connection was dropped: {}", peer.error().detail);
      return;
    }
    const uid_t uid = peer->uid;
    if (per_uid_[uid] >= limits_.connections_per_uid) evict(uid);
    if (sessions_.size() >= limits_.connections) evict(std::nullopt);
    const bool full = sessions_.size() >= limits_.connections || per_uid_[uid] >= limits_.connections_per_uid;
    auto session = std::make_shared<Session>(std::move(socket), std::move(*peer));
    if (full) return turn_away(*session);
    session->place = sessions_.insert(sessions_.end(), session);
    ++per_uid_[uid];
    most_ = std::max(most_, sessions_.size());
    asio::co_spawn(io_, serve(shared_from_this(), session), asio::detached);
  }

  // Gives up the connection that has been silent the longest (of this user, or of the user with the most
  // such).
  bool evict(std::optional<uid_t> uid) {
    if (!uid) uid = quietest_crowd();
    const auto victim = std::find_if(sessions_.begin(), sessions_.end(), [&](const SessionPtr& s) {
      return s->evictable && uid && s->peer.uid == *uid;
    });
    if (victim == sessions_.end()) return false;
    close(**victim);
    forget(*victim);
    return true;
  }

  std::optional<uid_t> quietest_crowd() const {
    std::map<uid_t, std::size_t> silent;
    for (const auto& session : sessions_)
      if (session->evictable) ++silent[session->peer.uid];
    const auto most = std::max_element(silent.begin(), silent.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    if (most == silent.end()) return std::nullopt;
    return most->first;
  }

  // By value: the list's own is gone in the midst of it.
  void forget(SessionPtr session) {
    if (!session->place) return;
    sessions_.erase(*session->place);
    session->place.reset();
    if (const auto count = per_uid_.find(session->peer.uid); count != per_uid_.end() && --count->second == 0)
      per_uid_.erase(count);
    if (sessions_.empty()) {
      arm_sweep(Steady::time_point::max());
      transport::forget_met_deadlines(io_.get_executor());
    }
    if (most_ >= k_crowd && sessions_.size() < k_crowd / 8) {
      most_ = sessions_.size();
      return_memory();
    }
  }

  // glibc keeps what a crowd has freed. A moment later, when the last coroutines of the crowd are gone too,
  // it is given back to the kernel.
  void return_memory() {
    trim_.expires_after(k_trim_delay);
    trim_.async_wait([](const boost::system::error_code& error) {
      if (!error) ::malloc_trim(0);
    });
  }

  // The list is in the order of last activity, so that the longest silent stands first.
  void begin_reading(const SessionPtr& session) {
    session->evictable = true;
    if (session->place) sessions_.splice(sessions_.end(), sessions_, *session->place);
  }

  static asio::awaitable<void> serve(std::shared_ptr<Impl> self, SessionPtr session) {
    bool open = true;
    while (open && session->socket.is_open()) open = co_await self->serve_one(session);
    close(*session);
    self->forget(session);
  }

  // One request and its answer; whether the connection lives on.
  asio::awaitable<bool> serve_one(SessionPtr session) {
    Parser parser;
    parser.header_limit(wire::k_max_head);
    parser.body_limit(wire::k_max_body);
    const auto error = co_await read(session, parser);
    session->evictable = false;
    session->deadline = Steady::time_point::max();
    if (error) {
      if (const auto refused = refusal(error)) co_await refuse(session, *refused);
      co_return false;
    }

    const unsigned version = parser.get().version();
    const bool keep_alive = parser.get().keep_alive();
    const bool is_head = parser.get().method() == http::verb::head;
    Request request = to_request(parser, session->peer);
    const Response response = co_await answer(std::move(request));
    if (response.events && !is_head && admits_stream(session->peer.uid)) {
      co_await stream(session, response.events, version);
      co_return false;
    }
    const bool too_many = response.events && !is_head;
    auto message = to_http(too_many ? too_many_streams() : response, version, keep_alive);
    // RFC 9110 §9.3.2: the head of what GET would get. A body would be taken for the next answer.
    if (is_head) message.body().clear();
    session->answered = true;
    const bool written = co_await write(session, std::move(message));
    co_return written&& keep_alive;
  }

  asio::awaitable<boost::system::error_code> read(SessionPtr session, Parser& parser) {
    begin_reading(session);
    if (session->buffer.size() == 0) {
      set_deadline(*session, session->answered ? limits_.idle_deadline : limits_.head_deadline);
      const auto [waited] = co_await session->socket.async_wait(Socket::wait_read, k_tuple);
      if (waited) co_return waited;
    }
    set_deadline(*session, limits_.head_deadline);
    const auto [head_error, head_size] =
        co_await http::async_read_header(session->socket, session->buffer, parser, k_tuple);
    if (head_error || parser.is_done()) co_return head_error;

    set_deadline(*session, limits_.body_deadline);
    if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
      http::response<http::empty_body> go_on(http::status::continue_, 11);
      const bool written = co_await write(session, std::move(go_on));
      if (!written) co_return asio::error::broken_pipe;
    }
    const auto [body_error, body_size] =
        co_await http::async_read(session->socket, session->buffer, parser, k_tuple);
    co_return body_error;
  }

  // A bug in a handler costs its own request, not the daemon.
  asio::awaitable<Response> answer(Request request) {
    try {
      co_return co_await handler_(std::move(request));
    } catch (const std::exception& exception) {
      log_.error("a request failed: {}; please report this", exception.what());
    }
    co_return problem_response(fail(ErrorCode::internal, "fobd could not answer; its log says why"));
  }

  bool admits_stream(uid_t uid) const {
    std::size_t all = 0;
    for (const auto& [user, count] : streams_) all += count;
    const auto own = streams_.find(uid);
    return (own == streams_.end() || own->second < limits_.streams_per_uid) &&
           all < 4 * limits_.streams_per_uid;
  }

  // The end of the connection ends the stream (RFC 9112 §6.3), so it needs no coding.
  asio::awaitable<void> stream(SessionPtr session, std::function<asio::awaitable<void>(EventSinkPtr)> events,
                               unsigned version) {
    http::response<http::empty_body> head(http::status::ok, version);
    head.set(http::field::content_type, "text/event-stream");
    head.set(http::field::cache_control, "no-store");
    head.keep_alive(false);
    const bool written = co_await write(session, std::move(head));
    if (!written) co_return;
    session->deadline = Steady::time_point::max();
    const auto sink = std::make_shared<Sink>(shared_from_this(), session);
    const StreamCount counted(streams_, session->peer.uid);
    asio::co_spawn(io_, notice_end(session, sink), asio::detached);
    try {
      co_await events(sink);
    } catch (const std::exception& exception) {
      log_.error("an event stream failed: {}; please report this", exception.what());
    }
  }

  // A reader of events has nothing more to say: whatever comes from it is its end.
  static asio::awaitable<void> notice_end(SessionPtr session, std::shared_ptr<Sink> sink) {
    co_await session->socket.async_wait(Socket::wait_read, k_tuple);
    close(*session);
    sink->gone();
  }

  template <class Message>
  asio::awaitable<bool> write(SessionPtr session, Message message) {
    set_deadline(*session, limits_.write_deadline);
    const auto [error, size] = co_await http::async_write(session->socket, message, k_tuple);
    co_return !error;
  }

  asio::awaitable<bool> write_text(SessionPtr session, std::string text) {
    if (!session->socket.is_open()) co_return false;
    set_deadline(*session, limits_.write_deadline);
    const auto bytes = asio::buffer(text);
    const auto [error, size] = co_await asio::async_write(session->socket, bytes, k_tuple);
    session->deadline = Steady::time_point::max();
    co_return !error;
  }

  asio::awaitable<void> refuse(SessionPtr session, Error error) {
    auto message = to_http(problem_response(error), 11, false);
    const bool written = co_await write(session, std::move(message));
    if (!written) co_return;
    boost::system::error_code ignored;
    session->socket.shutdown(Socket::shutdown_send, ignored);
    set_deadline(*session, k_drain_deadline);
    std::array<char, 4096> waste{};
    for (std::size_t drained = 0; drained < k_max_drained;) {
      const auto into = asio::buffer(waste);
      const auto [read_error, size] = co_await session->socket.async_read_some(into, k_tuple);
      if (read_error) co_return;
      drained += size;
    }
  }

  // Best effort and without waiting: an answer this small fits the socket's buffer.
  static void turn_away(Session& session) {
    const wire::Problem problem{ErrorCode::too_many_requests,
                                "too many connections are open; close some, or keep one open and reuse it",
                                std::chrono::seconds(1)};
    auto message = to_http(problem_response(problem), 11, false);
    boost::system::error_code ignored;
    session.socket.non_blocking(true, ignored);
    http::write(session.socket, message, ignored);
  }

  asio::io_context& io_;
  Acceptor acceptor_;
  asio::steady_timer sweep_;
  asio::steady_timer trim_;
  transport::DescriptorReserve reserve_;
  Steady::time_point armed_ = Steady::time_point::max();
  ServerLimits limits_;
  Handler handler_;
  spdlog::logger& log_;
  bool stopped_ = false;
  std::list<SessionPtr> sessions_;
  std::map<uid_t, std::size_t> per_uid_;
  std::map<uid_t, std::size_t> streams_;
  std::size_t most_ = 0;
};

HttpServer::HttpServer(asio::io_context& io, UniqueFd listener, ServerLimits limits, Handler handler,
                       spdlog::logger& log)
    : impl_(std::make_shared<Impl>(io, std::move(listener), limits, std::move(handler), log)) {
  impl_->start();
}

HttpServer::~HttpServer() { impl_->stop(); }

std::size_t HttpServer::connections() const { return impl_->connections(); }

}  // namespace fob::broker
