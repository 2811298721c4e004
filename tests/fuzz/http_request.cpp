// What any process on the device may send to fobd's socket: any bytes, to a real server on a real socket, end
// in answers or in none, and what is served is the same however the bytes are cut.
#include "daemon/broker/http_server.hpp"

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <utility>

namespace {

using namespace fob;
using namespace fob::broker;

class Same final : public Repeat {
 public:
  explicit Same(std::string bytes) : bytes_(std::move(bytes)) {}
  std::string_view answer(pid_t) override { return bytes_; }
  bool is_over() const override { return false; }

 private:
  std::string bytes_;
};

boost::asio::awaitable<Response> echo(Request request) {
  Response response;
  response.body = request.method + " " + request.target + " " + std::to_string(request.body.size());
  if (request.again) response.repeat = std::make_shared<Same>(serialized(response));
  co_return response;
}

class Server {
 public:
  // It was no test of the server while that turned everyone away.
  void prove_that_it_serves() {
    if (!hear("GET /x HTTP/1.1\r\nHost: fob\r\n\r\n", 1000).ends_with("GET /x 0")) std::abort();
  }

  std::string hear(std::string_view bytes, std::size_t step) {
    const UniqueFd app = connect();
    std::string heard;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) {
      // Where the server has closed, the rest is nobody's.
      (void)::send(app.get(), bytes.data(), std::min(step, bytes.size()), MSG_NOSIGNAL | MSG_DONTWAIT);
      heard += what_comes(app.get());
    }
    ::shutdown(app.get(), SHUT_WR);
    return heard + what_comes(app.get());
  }

 private:
  UniqueFd connect() const {
    UniqueFd app(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(app.get(), reinterpret_cast<const sockaddr*>(&address_), length_) != 0) std::abort();
    return app;
  }

  // At an address of the kernel's choice (unix(7), autobind).
  UniqueFd listener() {
    UniqueFd listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    auto* address = reinterpret_cast<sockaddr*>(&address_);
    address_.sun_family = AF_UNIX;
    if (::bind(listening.get(), address, sizeof address_.sun_family) != 0 ||
        ::listen(listening.get(), 1) != 0 || ::getsockname(listening.get(), address, &length_) != 0)
      std::abort();
    return listening;
  }

  std::string what_comes(int app) {
    std::string heard;
    char chunk[4096];
    do {
      while (io_.poll() > 0) continue;
      const ssize_t size = ::recv(app, chunk, sizeof chunk, MSG_DONTWAIT);
      if (size <= 0) return heard;
      heard.append(chunk, static_cast<std::size_t>(size));
    } while (true);
  }

  sockaddr_un address_{};
  socklen_t length_ = sizeof address_;
  SystemClock clock_;
  Log log_{clock_, [](Priority, const std::string&, const Journal::Fields&) {}};
  boost::asio::io_context io_{1};
  HttpServer server_{io_, listener(), {.connections = 4, .connections_per_uid = 4}, echo, log_};
};

// Without what may come or not: who sends the body before it is asked for is not asked for it, and of a head
// that never ends the parser may have seen that it is wrong. A refusal is the last answer.
std::string served(std::string heard) {
  constexpr std::string_view k_go_on = "HTTP/1.1 100 Continue\r\n\r\n";
  for (auto at = heard.find(k_go_on); at != heard.npos; at = heard.find(k_go_on))
    heard.erase(at, k_go_on.size());
  return heard.substr(0, heard.find("HTTP/1.1 4"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  [[maybe_unused]] static const bool k_serves = (Server().prove_that_it_serves(), true);
  const std::string_view all(reinterpret_cast<const char*>(bytes), size);
  const std::size_t step = size < 300 ? 1 : size / 7;
  const std::string whole = served(Server().hear(all, std::max<std::size_t>(size, 1)));
  if (!whole.empty() && !whole.starts_with("HTTP/1.")) std::abort();
  if (served(Server().hear(all, step)) != whole) std::abort();
  return 0;
}
