#include "daemon/broker/conversation.hpp"

#include "ipc/transport/awaiting.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <memory>
#include <utility>

namespace fob::broker {
namespace asio = boost::asio;

namespace {

using Socket = asio::local::stream_protocol::socket;

// What the coroutine and its timer share. The timer's handler may still be queued when the coroutine has
// moved on, so it owns its share of this, and looks whether its time is over.
struct SharedSocket {
  explicit SharedSocket(Socket s) : socket(std::move(s)) {}
  void close() {
    boost::system::error_code ignored;
    socket.close(ignored);
  }
  Socket socket;
  bool over = false;
  bool late = false;
};

}  // namespace

asio::awaitable<Talk> converse(asio::any_io_executor executor, Socket socket, std::string line,
                               std::chrono::milliseconds patience, std::size_t limit) {
  const auto shared = std::make_shared<SharedSocket>(std::move(socket));
  asio::steady_timer deadline(executor, patience);
  deadline.async_wait([shared](const boost::system::error_code& error) {
    if (error || shared->over) return;
    shared->late = true;
    shared->close();
  });

  const auto question = asio::buffer(line);
  // Where the other side is gone already, the read says so better than the write.
  co_await asio::async_write(shared->socket, question, transport::k_tuple);
  std::string answer;
  auto into = asio::dynamic_buffer(answer, limit);
  const auto [error, size] = co_await asio::async_read_until(shared->socket, into, '\n', transport::k_tuple);
  shared->over = true;
  deadline.cancel();
  shared->close();

  Talk talk;
  if (shared->late) {
    talk.end = TalkEnd::silent;
  } else if (error == asio::error::not_found) {
    talk.end = TalkEnd::too_much;
  } else if (!error) {
    talk.end = TalkEnd::answered;
    answer.resize(size - 1);
  }
  talk.text = std::move(answer);
  co_return talk;
}

}  // namespace fob::broker
