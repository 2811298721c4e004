#include "daemon/gateway/session.hpp"

#include "daemon/gateway/awaiting.hpp"
#include "daemon/gateway/forwarding.hpp"
#include "daemon/gateway/raw_head.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>
#include <utility>

namespace fob::gateway {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

using Parser = http::request_parser<http::buffer_body>;

// A head with a token, cookies of other loopback servers, and what browsers add.
constexpr std::size_t k_max_request_head = 32 * 1024;
// A map's upload; nothing of it is kept.
constexpr std::uint64_t k_max_body = 4ULL * 1024 * 1024 * 1024;
// A token request is `{}`, or a short form.
constexpr std::size_t k_max_token_body = 4 * 1024;
// Two TLS records.
constexpr std::size_t k_piece = 32 * 1024;
// A camera's image may have to be sent again after a 401, and is kept for that as long as all that is kept
// has not this much together.
constexpr std::size_t k_max_kept = 2 * 1024 * 1024;
constexpr std::size_t k_max_kept_of_all = 4 * 1024 * 1024;

// Of the app's own words, in the audit.
constexpr std::size_t k_max_word = 256;
constexpr std::size_t k_max_why = 512;

// After the last answer the app may still be sending; so much is read and thrown away.
constexpr std::size_t k_max_drained = 1024 * 1024;
constexpr std::chrono::seconds k_drain_deadline{2};

constexpr std::chrono::seconds k_head_deadline{10};
constexpr std::chrono::seconds k_idle_deadline{60};
// For each piece of a body, of the request's and of the answer's.
constexpr std::chrono::seconds k_piece_deadline{30};

// What was sent of a request's body, in case it has to be sent again.
class Kept {
 public:
  /// Of a body of `size` bytes; 0 where that is not known.
  Kept(Listener& listener, std::uint64_t size) : listener_(listener), whole_(size <= k_max_kept) {}
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;
  ~Kept() { drop(); }

  void add(std::string_view piece) {
    if (!whole_) return;
    whole_ = bytes_.size() + piece.size() <= k_max_kept &&
             listener_.kept_bytes + piece.size() <= k_max_kept_of_all;
    if (!whole_) return drop();
    bytes_.append(piece);
    listener_.kept_bytes += piece.size();
  }
  bool is_whole() const { return whole_; }
  std::string_view bytes() const { return bytes_; }

 private:
  void drop() {
    listener_.kept_bytes -= bytes_.size();
    bytes_ = {};
  }

  Listener& listener_;
  std::string bytes_;
  bool whole_;
};

// An answer of upstream's on its way to the app.
struct Passing {
  http::response<http::buffer_body> response;
  http::response_serializer<http::buffer_body> serializer{response};
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(ListenerPtr listener, asio::ip::tcp::socket socket, uid_t user)
      : listener_(std::move(listener)),
        socket_(std::move(socket)),
        user_(user),
        guard_(socket_.get_executor()) {}

  asio::awaitable<void> run() {
    bool open = true;
    while (open) open = co_await serve_one();
    co_await drain();
  }

 private:
  // One request and its answer; whether the connection lives on.
  asio::awaitable<bool> serve_one() {
    parser_.emplace();
    parser_->header_limit(k_max_request_head);
    parser_->body_limit(k_max_body);
    const auto refused = co_await read_head();
    if (!refused) co_return false;
    verdict_ = {};
    went_on_ = false;
    Answer own = refusal(400, *refused);
    if (!refused->empty()) record("request", *refused);
    if (!refused->empty()) co_return co_await answer(std::move(own), false);

    verdict_ = listener_->rules.judge(head());
    if (verdict_.kind == Kind::refused) record(asked(), verdict_.why);
    if (verdict_.kind == Kind::pass) {
      record(verdict_.route, "");
      const bool open = co_await pass_on();
      transfer_.reset();
      kept_.reset();
      co_return open;
    }
    if (verdict_.kind == Kind::token || verdict_.kind == Kind::oauth_token) co_return co_await give_token();
    if (verdict_.kind == Kind::refused) own = refusal(verdict_.status, verdict_.why);
    if (verdict_.kind == Kind::preflight) own = {204, "", std::nullopt, "", ""};
    co_return co_await answer(std::move(own), verdict_.kind == Kind::preflight);
  }

  Head head() const {
    const auto& message = parser_->get();
    return {view_of(message.method_string()),
            view_of(message.target()),
            view_of(message[http::field::host]),
            view_of(message[http::field::origin]),
            mark_of_a_browser(),
            view_of(message[http::field::access_control_request_method]),
            message["Access-Control-Request-Private-Network"] == "true"};
  }

  std::string_view mark_of_a_browser() const {
    const auto& message = parser_->get();
    for (const char* name : {"Sec-Fetch-Site", "Sec-Fetch-Dest", "Referer"})
      if (const auto value = view_of(message[name]); !value.empty()) return value;
    // Node's fetch() says "cors", and that alone. A browser says by its Origin for whom it does that.
    const auto mode = view_of(message["Sec-Fetch-Mode"]);
    if (!mode.empty() && mode != "cors") return mode;
    const auto agent = view_of(message[http::field::user_agent]);
    return agent.starts_with("Mozilla/") ? agent : std::string_view();
  }

  // What is wrong with it, "" where it is good; nothing where the connection is over.
  asio::awaitable<std::optional<std::string>> read_head() {
    set_deadline(served_ ? k_idle_deadline : k_head_deadline);
    auto end = end_of_head(heard());
    while (end == std::string_view::npos) {
      if (buffer_.size() >= k_max_request_head) co_return "the request head may have 32 KiB";
      const auto into = buffer_.prepare(std::min(k_piece, buffer_.max_size() - buffer_.size()));
      const auto [error, size] = co_await socket_.async_read_some(into, k_tuple);
      if (error) co_return std::nullopt;
      buffer_.commit(size);
      end = end_of_head(heard());
    }
    const std::string_view head = heard().substr(0, end);
    if (is_folded_or_bare(head)) co_return "each line of the head must stand alone and end with CRLF";
    boost::system::error_code error;
    const std::size_t used = parser_->put(asio::buffer(head.data(), head.size()), error);
    if (error && error != http::error::need_more) co_return "this is not HTTP/1.1: " + error.message();
    buffer_.consume(used);
    if (!parser_->is_header_done()) co_return "this is not HTTP/1.1";
    co_return what_is_wrong_with(parser_->get());
  }

  static std::string what_is_wrong_with(const Parser::value_type& message) {
    if (message.version() != 11) return "HTTP/1.1 is spoken here";
    if (message.count(http::field::host) != 1) return "there must be one Host";
    if (message.count(http::field::upgrade) != 0) return "no other protocol is spoken here";
    const auto coding = message[http::field::transfer_encoding];
    if (message.count(http::field::transfer_encoding) > 1 ||
        (!coding.empty() && !beast::iequals(coding, "chunked")))
      return "the only transfer coding here is chunked";
    return "";
  }

  asio::awaitable<bool> give_token() {
    const auto body = co_await read_small_body();
    std::optional<Answer> own = body ? refusal_of_pair(*body) : refusal(413, "a token request is short");
    record("token", own ? own->why : "");
    if (!own) {
      clear_deadline();
      const auto token = co_await listener_->tokens->get();
      own = token ? answer_with(*token) : failure(token.error());
    }
    Answer given = std::move(*own);
    co_return co_await answer(std::move(given), true);
  }

  // Nothing where the request holds the listener's pair.
  std::optional<Answer> refusal_of_pair(const std::string& body) const {
    const auto authorization = view_of(parser_->get()[http::field::authorization]);
    const auto has = verdict_.kind == Kind::token
                         ? Result<bool>(has_pair(listener_->settings, authorization))
                         : has_pair_in_form(listener_->settings, authorization, body);
    if (!has) return refusal(400, has.error().detail);
    if (*has) return std::nullopt;
    return refusal(401, "configure the app with client_id and client_secret of gateway." +
                            listener_->settings.name + " in fob.toml; neither is a secret");
  }

  Answer answer_with(const Token& token) const {
    const BootTime now = listener_->clock.boot_now();
    return verdict_.kind == Kind::token ? token_answer(token, now, listener_->clock.wall_now())
                                        : oauth_answer(token, now);
  }

  // Nothing where it is too long, or cut short.
  asio::awaitable<std::optional<std::string>> read_small_body() {
    std::string body;
    while (!parser_->is_done()) {
      const auto piece = co_await read_piece();
      if (!piece || body.size() + piece->size() > k_max_token_body) co_return std::nullopt;
      body.append(*piece);
    }
    co_return body;
  }

  // The next piece of the request's body; it may be empty. Nothing where the connection is over.
  asio::awaitable<std::optional<std::string_view>> read_piece() {
    if (beast::iequals(parser_->get()[http::field::expect], "100-continue") &&
        !std::exchange(went_on_, true)) {
      const std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
      set_deadline(k_piece_deadline);
      const auto [error, size] = co_await asio::async_write(socket_, asio::buffer(go_on), k_tuple);
      if (error) co_return std::nullopt;
    }
    set_deadline(k_piece_deadline);
    if (!piece_) piece_ = std::make_unique<std::array<char, k_piece>>();
    auto& body = parser_->get().body();
    body.data = piece_->data();
    body.size = piece_->size();
    const auto [error, used] = co_await http::async_read_some(socket_, buffer_, *parser_, k_tuple);
    clear_deadline();
    if (error && error != http::error::need_buffer) co_return std::nullopt;
    co_return std::string_view(piece_->data(), piece_->size() - body.size);
  }

  asio::awaitable<bool> pass_on() {
    clear_deadline();
    kept_.emplace(*listener_, parser_->content_length().value_or(0));
    auto token = co_await listener_->tokens->get();
    std::optional<Error> failed;
    if (!token) failed = token.error();
    for (bool again = false; !failed; again = true) {
      transfer_ = listener_->upstream->start(to_upstream(listener_->settings, parser_->get(), token->text));
      bool heard = true;
      if (again) heard = co_await send_kept();
      if (!again) heard = co_await send_body();
      if (!heard) co_return false;
      auto head = co_await transfer_->head();
      if (!head) {
        Answer own = failure_of_upstream(head.error());
        co_return co_await answer(std::move(own), true);
      }
      bool repeatable = false;
      if (head->status == 401 && !again) repeatable = co_await keep_the_rest();
      if (head->status == 401 && !again) {
        std::string rejected = token->text;
        auto another = co_await listener_->tokens->another_than(std::move(rejected));
        repeatable = repeatable && another;
        if (repeatable) token = std::move(another);
      }
      if (!repeatable) co_return co_await pass_back(std::move(*head));
    }
    Answer own = failure(*failed);
    co_return co_await answer(std::move(own), true);
  }

  // False where the app has gone.
  asio::awaitable<bool> send_body() {
    bool taken = true;
    while (taken && !parser_->is_done()) {
      const auto piece = co_await read_piece();
      if (!piece) co_return false;
      if (piece->empty()) continue;
      kept_->add(*piece);
      taken = co_await transfer_->send(*piece);
    }
    if (taken) transfer_->end_of_body();
    co_return true;
  }

  // Of a body that upstream did not hear to its end. Whether all of it is kept.
  asio::awaitable<bool> keep_the_rest() {
    bool open = true;
    while (open && !parser_->is_done() && kept_->is_whole()) {
      const auto piece = co_await read_piece();
      open = piece.has_value();
      if (open) kept_->add(*piece);
    }
    co_return open && parser_->is_done() && kept_->is_whole();
  }

  asio::awaitable<bool> send_kept() {
    bool taken = true;
    if (!kept_->bytes().empty()) taken = co_await transfer_->send(kept_->bytes());
    if (taken) transfer_->end_of_body();
    co_return true;
  }

  asio::awaitable<bool> pass_back(UpstreamAnswer head) {
    const bool keep_alive = parser_->get().keep_alive() && parser_->is_done();
    const auto passing = std::make_shared<Passing>();
    auto& response = passing->response;
    to_app(head, response);
    let_page_read(response);
    response.keep_alive(keep_alive);
    const bool bodiless =
        parser_->get().method() == http::verb::head || head.status == 204 || head.status == 304;
    if (head.body_size) response.content_length(*head.body_size);
    if (!bodiless && !head.body_size) response.chunked(true);
    response.body().data = nullptr;
    response.body().more = !bodiless;
    set_deadline(k_piece_deadline);
    const auto [error, size] = co_await http::async_write_header(socket_, passing->serializer, k_tuple);
    served_ = true;
    if (error) co_return false;
    bool whole = true;
    if (!bodiless) whole = co_await pass_body_back(passing);
    co_return whole&& keep_alive;
  }

  asio::awaitable<bool> pass_body_back(std::shared_ptr<Passing> passing) {
    while (!passing->serializer.is_done()) {
      clear_deadline();
      const auto piece = co_await transfer_->receive();
      if (!piece) co_return false;  // cut short, and so the app's answer is
      auto& body = passing->response.body();
      body.data = piece->empty() ? nullptr : const_cast<char*>(piece->data());
      body.size = piece->size();
      body.more = !piece->empty();
      set_deadline(k_piece_deadline);
      const auto [error, size] = co_await http::async_write(socket_, passing->serializer, k_tuple);
      if (error && error != http::error::need_buffer) co_return false;
    }
    co_return true;
  }

  // An answer of our own; `read`: the request has been read to its end.
  asio::awaitable<bool> answer(Answer given, bool read) {
    http::response<http::string_body> response;
    response.version(11);
    response.result(static_cast<unsigned>(given.status));
    if (!given.body.empty()) response.set(http::field::content_type, "application/json");
    response.set(http::field::cache_control, "no-store");
    if (given.retry_after) response.set(http::field::retry_after, std::to_string(given.retry_after->count()));
    if (!given.challenge.empty()) response.set(http::field::www_authenticate, given.challenge);
    let_page_read(response);
    response.body() = std::move(given.body);
    if (given.status != 204) response.prepare_payload();
    const bool keep_alive =
        read && parser_->is_header_done() && parser_->is_done() && parser_->get().keep_alive();
    response.keep_alive(keep_alive);
    set_deadline(k_piece_deadline);
    http::response_serializer<http::string_body> serializer(response);
    const bool bodiless = parser_->is_header_done() && parser_->get().method() == http::verb::head;
    boost::system::error_code error;
    if (bodiless)
      std::tie(error, std::ignore) = co_await http::async_write_header(socket_, serializer, k_tuple);
    if (!bodiless) std::tie(error, std::ignore) = co_await http::async_write(socket_, serializer, k_tuple);
    served_ = true;
    co_return !error && keep_alive;
  }

  // Who is still sending sees the answer only if what it sends is read.
  asio::awaitable<void> drain() {
    boost::system::error_code ignored;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    set_deadline(k_drain_deadline);
    std::array<char, 4096> waste{};
    for (std::size_t drained = 0; drained < k_max_drained;) {
      const auto [error, size] = co_await socket_.async_read_some(asio::buffer(waste), k_tuple);
      if (error) co_return;
      drained += size;
    }
  }

  template <class Response>
  void let_page_read(Response& response) const {
    response.insert(http::field::vary, "Origin");
    if (!verdict_.page) return;
    const auto& message = parser_->get();
    response.set(http::field::access_control_allow_origin, message[http::field::origin]);
    response.set(http::field::access_control_expose_headers, "*");
    if (verdict_.kind != Kind::preflight) return;
    response.set(http::field::access_control_allow_methods,
                 message[http::field::access_control_request_method]);
    response.set(http::field::access_control_allow_headers,
                 message[http::field::access_control_request_headers]);
    response.set(http::field::access_control_max_age, "60");
    if (message["Access-Control-Request-Private-Network"] == "true")
      response.set("Access-Control-Allow-Private-Network", "true");
  }

  // The query stays out of it: some put secrets there.
  void record(std::string what, const std::string& why) const {
    const auto& settings = listener_->settings;
    const auto origin = view_of(parser_->get()[http::field::origin]);
    listener_->audit.note({settings.name, *settings.profile, user_, in_ascii(what, k_max_word),
                           in_ascii(origin, k_max_word), why.empty(), in_ascii(why, k_max_why), 0});
  }

  // Cut, and without what an app could do to whoever reads the log; targets and origins have nothing else.
  static std::string in_ascii(std::string_view text, std::size_t most) {
    std::string word(text.substr(0, most));
    std::replace_if(
        word.begin(), word.end(), [](unsigned char c) { return c < 0x20 || c > 0x7e; }, '?');
    return word;
  }

  std::string asked() const {
    const auto target = view_of(parser_->get().target());
    return std::string(view_of(parser_->get().method_string())) + " " +
           std::string(target.substr(0, target.find('?')));
  }

  std::string_view heard() const {
    const auto bytes = buffer_.data();
    return {static_cast<const char*>(bytes.data()), bytes.size()};
  }

  // Set for each piece, and so only noted: the timer that is running looks again when it is over.
  void set_deadline(std::chrono::seconds from_now) {
    deadline_ = std::chrono::steady_clock::now() + from_now;
    if (!guarded_until_ || deadline_ < *guarded_until_) guard();
  }
  void clear_deadline() { deadline_ = Deadline::max(); }

  void guard() {
    guarded_until_ = deadline_;
    guard_.expires_at(deadline_);
    guard_.async_wait([session = weak_from_this()](const boost::system::error_code& error) {
      if (const auto self = session.lock(); self && !error) self->keep_deadline();
    });
  }

  void keep_deadline() {
    guarded_until_.reset();
    boost::system::error_code ignored;
    if (deadline_ <= std::chrono::steady_clock::now()) socket_.close(ignored);
    if (socket_.is_open() && deadline_ != Deadline::max()) guard();
  }

  ListenerPtr listener_;
  asio::ip::tcp::socket socket_;
  uid_t user_;
  using Deadline = std::chrono::steady_clock::time_point;
  Deadline deadline_ = Deadline::max();
  asio::steady_timer guard_;
  std::optional<Deadline> guarded_until_;
  // Of the request under way:
  std::optional<Parser> parser_;
  Verdict verdict_;
  bool went_on_ = false;
  std::optional<Kept> kept_;
  std::shared_ptr<Transfer> transfer_;
  // Of all of them:
  beast::flat_buffer buffer_{2 * k_max_request_head};
  std::unique_ptr<std::array<char, k_piece>> piece_;
  bool served_ = false;
};

}  // namespace

asio::awaitable<void> serve(ListenerPtr listener, asio::ip::tcp::socket socket, uid_t user) {
  const auto session = std::make_shared<Session>(std::move(listener), std::move(socket), user);
  co_await session->run();
}

}  // namespace fob::gateway
