#include "tests/authority/server.hpp"

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace fob::authority {
namespace {

namespace net = boost::asio;
namespace ssl = net::ssl;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = net::ip::tcp;
using std::chrono::seconds;

constexpr auto k_token = net::as_tuple(net::use_awaitable);

// Common servers take 8 to 16 KiB of headers; a bearer token of 16 KiB must fit beside the rest.
constexpr std::uint32_t k_max_head = 32 * 1024;
// What Beast's parser may take in at most; the rule of each area is held by this file's own loop.
constexpr std::uint64_t k_max_body = 16 * 1024 * 1024;
constexpr std::size_t k_chunk = 16 * 1024;
constexpr std::size_t k_huge_body = 64 * 1024 * 1024;
constexpr seconds k_handshake_time{10};
constexpr seconds k_idle_time{60};
constexpr seconds k_body_time{60};
constexpr seconds k_write_time{60};
constexpr seconds k_hang_time{120};
constexpr seconds k_close_time{2};

constexpr std::string_view k_continue = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::string_view k_garbage = "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n\x01\x02\xff\xfe\r\n";

http::response<http::string_body> message_of(const Response& response, bool keep_alive) {
  http::response<http::string_body> message;
  message.version(11);
  message.result(static_cast<unsigned>(response.status));
  for (const auto& [name, value] : response.headers) message.insert(name, value);
  message.keep_alive(keep_alive);
  message.body() = response.body;
  // 204 and 304 have neither body nor length (RFC 9110 §8.6).
  if (response.status != 204 && response.status != 304) message.prepare_payload();
  return message;
}

Request request_of(const http::request<http::buffer_body>& message, bool over_tls) {
  Request request{std::string(message.method_string()), std::string(message.target()), {}, {}, over_tls};
  for (const auto& field : message) request.headers.emplace_back(field.name_string(), field.value());
  return request;
}

/// One client's connection, from its first byte to its last.
template <class Stream>
class Connection {
 public:
  Connection(Stream stream, Sandbox* sandbox) : stream_(std::move(stream)), sandbox_(*sandbox) {}

  net::awaitable<void> run() {
    const bool ready = co_await shake_hands();
    if (!ready) co_return;
    bool more = true;
    while (more) more = co_await exchange();
    co_await close();
  }

 private:
  enum class Body : std::uint8_t { read, too_large, broken };
  using Parser = http::request_parser<http::buffer_body>;
  static constexpr bool k_over_tls = !std::is_same_v<Stream, beast::tcp_stream>;

  auto& socket() { return beast::get_lowest_layer(stream_); }
  void allow(std::chrono::nanoseconds time) { socket().expires_after(time); }

  net::awaitable<bool> shake_hands() {
    if constexpr (k_over_tls) {
      allow(k_handshake_time);
      const auto [error] = co_await stream_.async_handshake(ssl::stream_base::server, k_token);
      co_return !error;
    }
    co_return true;
  }

  /// One request and its answer; false when the connection is over.
  net::awaitable<bool> exchange() {
    Parser parser;
    parser.header_limit(k_max_head);
    parser.body_limit(k_max_body);
    allow(k_idle_time);
    const auto [error, size] = co_await http::async_read_header(stream_, buffer_, parser, k_token);
    if (error) co_return co_await refuse_head(error);

    Request request = request_of(parser.get(), k_over_tls);
    const auto area = Sandbox::area_of(request);
    const auto body = co_await read_body(&parser, &request, Sandbox::body_rule(area));
    if (body == Body::broken) co_return false;
    if (body == Body::too_large) co_return co_await refuse(413, "The body is too large");

    std::optional<Sandbox::Attendance> attendance;
    attendance.emplace(sandbox_, area);
    const auto fault = sandbox_.take_fault(request);
    if (fault && fault->delay.count() > 0) co_await wait(fault->delay);
    Response response = sandbox_.answer(request, fault);
    if (request.method == "HEAD") response.body.clear();
    // Over before the client can know it: its next request must not seem to overlap with this one.
    if (response.delivery == Delivery::whole) attendance.reset();
    co_return co_await deliver(std::move(response), parser.get().keep_alive());
  }

  /// Answers what did not become a request, where there is anybody to answer.
  net::awaitable<bool> refuse_head(beast::error_code error) {
    if (error == http::error::header_limit || error == http::error::buffer_overflow)
      co_return co_await refuse(431, "The head is too large");
    if (error == http::error::body_limit) co_return co_await refuse(413, "The body is too large");
    const bool is_http_error = error.category() == make_error_code(http::error::bad_method).category();
    if (is_http_error && error != http::error::end_of_stream && error != http::error::partial_message)
      co_return co_await refuse(400, "This is not HTTP");
    co_return false;
  }

  net::awaitable<bool> refuse(int status, std::string_view text) {
    const Response response = sandbox_.refuse(status, text);
    co_await deliver(response, false);
    co_return false;
  }

  net::awaitable<Body> read_body(Parser* parser, Request* request, BodyRule rule) {
    if (parser->content_length() && *parser->content_length() > rule.limit) co_return Body::too_large;
    if (equal_ignoring_case(request->header("Expect").value_or(""), "100-continue")) {
      const bool written = co_await write(k_continue);
      if (!written) co_return Body::broken;
    }
    allow(k_body_time);
    std::string chunk(k_chunk, '\0');
    std::size_t total = 0;
    while (!parser->is_done()) {
      auto& sink = parser->get().body();
      sink.data = chunk.data();
      sink.size = chunk.size();
      const auto [error, size] = co_await http::async_read(stream_, buffer_, *parser, k_token);
      if (error == http::error::body_limit) co_return Body::too_large;
      if (error && error != http::error::need_buffer) co_return Body::broken;
      const std::size_t got = chunk.size() - sink.size;
      total += got;
      if (total > rule.limit) co_return Body::too_large;
      if (rule.kept) request->body.append(chunk, 0, got);
    }
    co_return Body::read;
  }

  net::awaitable<bool> deliver(Response response, bool keep_alive) {
    switch (response.delivery) {
      case Delivery::whole:
        co_return co_await send(std::move(response), keep_alive);
      case Delivery::hang:
        co_await wait_for_client_to_leave(k_hang_time);
        break;
      case Delivery::reset:
        socket().socket().set_option(net::socket_base::linger(true, 0));
        break;
      case Delivery::empty:
        break;
      case Delivery::truncated:
        co_await send_half(std::move(response));
        break;
      case Delivery::garbage:
        co_await write(k_garbage);
        break;
      case Delivery::huge:
        co_await send_huge(std::move(response));
        break;
    }
    // Without TLS's farewell: the connection breaks, as when a cable does.
    socket().close();
    co_return false;
  }

  void reset_on_close() {
    beast::error_code gone;
    socket().socket().set_option(net::socket_base::linger(true, 0), gone);
  }

  net::awaitable<bool> send(Response response, bool keep_alive) {
    auto message = message_of(response, keep_alive);
    allow(k_write_time);
    const auto [error, size] = co_await http::async_write(stream_, message, k_token);
    co_return !error && keep_alive;
  }

  net::awaitable<void> send_half(Response response) {
    const auto message = message_of(response, true);
    std::ostringstream text;
    text << message;
    std::string half = text.str();
    half.resize(half.size() - response.body.size() / 2);
    co_await write(half);
  }

  net::awaitable<void> send_huge(Response response) {
    response.body.clear();
    auto message = message_of(response, true);
    message.content_length(k_huge_body);
    std::ostringstream head;
    head << message.base();
    const std::string head_text = head.str();
    bool sent = co_await write(head_text);
    std::string chunk(k_chunk, 'A');
    chunk.replace(0, 10, R"({"token":")");
    for (std::size_t done = 0; sent && done < k_huge_body; done += chunk.size()) {
      sent = co_await write(chunk);
      if (done == 0) chunk.assign(k_chunk, 'A');
    }
  }

  /// False if the client is gone or does not read. The caller keeps `text` until then.
  net::awaitable<bool> write(std::string_view text) {
    allow(k_write_time);
    const auto [error, size] = co_await net::async_write(stream_, net::buffer(text), k_token);
    co_return !error;
  }

  net::awaitable<void> wait(std::chrono::milliseconds time) {
    net::steady_timer timer(stream_.get_executor(), time);
    co_await timer.async_wait(k_token);
  }

  /// Swallows what still comes, until the client closes or `time` is over.
  net::awaitable<void> wait_for_client_to_leave(std::chrono::nanoseconds time) {
    allow(time);
    std::string chunk(k_chunk, '\0');
    while (true) {
      const auto [error, size] = co_await socket().async_read_some(net::buffer(chunk), k_token);
      if (error) co_return;
    }
  }

  /// Says farewell and reads on for a moment: closing on unread bytes would reset the connection, and the
  /// client might never see the last answer (RFC 9112 §9.6).
  net::awaitable<void> close() {
    if (!socket().socket().is_open()) co_return;
    allow(k_close_time);
    if constexpr (k_over_tls) {
      const auto [error] = co_await stream_.async_shutdown(k_token);
      if (error) co_return;
    }
    beast::error_code gone;
    socket().socket().shutdown(tcp::socket::shutdown_send, gone);
    if (!gone) co_await wait_for_client_to_leave(k_close_time);
  }

  Stream stream_;
  Sandbox& sandbox_;
  beast::flat_buffer buffer_{k_max_head + k_chunk};
};

/// The connection lives in this coroutine's frame.
template <class Stream>
net::awaitable<void> serve(Stream stream, Sandbox* sandbox) {
  Connection<Stream> connection(std::move(stream), sandbox);
  co_await connection.run();
}

/// What ends one connection by a bug must not end the others, nor pass unseen.
void report(std::exception_ptr failure) {
  if (!failure) return;
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "fob-authority: a connection failed: %s\n", e.what());
  }
}

ssl::context tls_context(const TlsIdentity& identity) {
  ssl::context context(ssl::context::tls_server);
  context.use_certificate_chain(net::buffer(identity.certificate_pem));
  context.use_private_key(net::buffer(identity.key_pem), ssl::context::pem);
  ::SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  return context;
}

/// On a failure the acceptor is closed.
beast::error_code listen_on(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
  beast::error_code error;
  beast::error_code ignored;
  acceptor.close(ignored);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(net::socket_base::reuse_address(true), error);
  if (!error && endpoint.protocol() == tcp::v6()) acceptor.set_option(net::ip::v6_only(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(net::socket_base::max_listen_connections, error);
  if (error) acceptor.close(ignored);
  return error;
}

}  // namespace

class Server::Listening {
 public:
  Listening(Sandbox& sandbox, std::uint16_t port, const std::optional<TlsIdentity>& identity)
      : sandbox_(sandbox), signals_(context_, SIGTERM, SIGINT), v4_(context_), v6_(context_) {
    if (identity) tls_.emplace(tls_context(*identity));
    listen(port);
  }

  std::uint16_t port() const { return v4_.local_endpoint().port(); }

  void run() {
    signals_.async_wait([this](beast::error_code, int) { context_.stop(); });
    net::co_spawn(context_, accept_all(&v4_), report);
    if (v6_.is_open()) net::co_spawn(context_, accept_all(&v6_), report);
    context_.run();
  }

 private:
  /// The url says localhost, which may mean either address: so a port must be ours on both, or another
  /// program's answers would pass for the sandbox's. A machine without ::1 is fine; a port taken there is
  /// not.
  void listen(std::uint16_t wanted) {
    constexpr int k_tries = 50;
    for (int left = k_tries; true; --left) {
      auto failure = listen_on(v4_, {net::ip::address_v4::loopback(), wanted});
      if (!failure) failure = listen_on(v6_, {net::ip::address_v6::loopback(), port()});
      if (!failure) return;
      if (v4_.is_open() && failure != net::error::address_in_use) return;
      if (wanted != 0 || left == 0)
        throw std::runtime_error("cannot listen on port " + std::to_string(wanted) + ": " +
                                 failure.message());
    }
  }

  net::awaitable<void> accept_all(tcp::acceptor* acceptor) {
    // Out of descriptors, most likely: others must end first.
    constexpr std::chrono::milliseconds k_breath{50};
    while (true) {
      auto [error, socket] = co_await acceptor->async_accept(k_token);
      if (error) {
        net::steady_timer breath(context_, k_breath);
        co_await breath.async_wait(k_token);
        continue;
      }
      start(std::move(socket));
    }
  }

  void start(tcp::socket socket) {
    beast::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    beast::tcp_stream plain(std::move(socket));
    if (tls_)
      net::co_spawn(context_, serve(beast::ssl_stream<beast::tcp_stream>(std::move(plain), *tls_), &sandbox_),
                    report);
    else
      net::co_spawn(context_, serve(std::move(plain), &sandbox_), report);
  }

  Sandbox& sandbox_;
  // Before the context: connections that still live when it goes refer to this one.
  std::optional<ssl::context> tls_;
  net::io_context context_{1};
  net::signal_set signals_;
  tcp::acceptor v4_;
  tcp::acceptor v6_;
};

Server::Server(Sandbox& sandbox, std::uint16_t port, const std::optional<TlsIdentity>& identity)
    : listening_(std::make_unique<Listening>(sandbox, port, identity)) {}
Server::~Server() = default;
std::uint16_t Server::port() const { return listening_->port(); }
void Server::run() { listening_->run(); }

}  // namespace fob::authority
