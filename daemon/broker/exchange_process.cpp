#include "daemon/broker/exchange_process.hpp"

#include "daemon/broker/child_process.hpp"
#include "ipc/base/file.hpp"
#include "ipc/base/unique_fd.hpp"
#include "ipc/wire/limits.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <memory>
#include <sys/socket.h>
#include <utility>

namespace fob::broker {
namespace asio = boost::asio;

namespace {

using Socket = asio::local::stream_protocol::socket;

constexpr auto k_tuple = asio::as_tuple(asio::use_awaitable);

wire::ExchangeAnswer failure(ErrorCode code, std::string detail) {
  return wire::ExchangeFailure{code, 0, std::move(detail), std::nullopt};
}

// What the coroutine and its timers share. A timer's handler may still be queued when the coroutine has moved
// on, so it owns its share of this, and looks whether its time is over.
struct Run {
  Run(Child c, Socket s) : child(std::make_shared<Child>(std::move(c))), socket(std::move(s)) {}
  ChildPtr child;
  Socket socket;
  bool answered = false;
  bool late = false;
};
using RunPtr = std::shared_ptr<Run>;

// The line, or what went wrong on the way to it.
asio::awaitable<Result<std::string>> converse(asio::any_io_executor executor, RunPtr run, std::string line,
                                              std::chrono::milliseconds patience) {
  asio::steady_timer deadline(executor, patience);
  deadline.async_wait([run](const boost::system::error_code& error) {
    if (error || run->answered) return;
    run->late = true;
    run->child->kill();
    boost::system::error_code ignored;
    run->socket.close(ignored);
  });

  const auto question = asio::buffer(line);
  // Where the exchanger is gone already, the read says so better than the write.
  co_await asio::async_write(run->socket, question, k_tuple);
  std::string answer;
  auto into = asio::dynamic_buffer(answer, wire::k_max_exchange_answer);
  const auto [read_error, size] = co_await asio::async_read_until(run->socket, into, '\n', k_tuple);
  run->answered = true;
  deadline.cancel();

  if (run->late)
    co_return fail(ErrorCode::timeout,
                   "fob-exchange said nothing for " + std::to_string(patience.count()) + " ms and was ended");
  if (read_error == asio::error::not_found)
    co_return fail(ErrorCode::bad_answer, "fob-exchange answered more than it may");
  if (read_error) co_return fail(ErrorCode::bad_answer, "fob-exchange gave no answer");
  answer.resize(size - 1);
  co_return answer;
}

asio::awaitable<wire::ExchangeAnswer> exchange_once(asio::any_io_executor executor, ExchangeProgram program,
                                                    wire::ExchangeRequest request) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    co_return failure(ErrorCode::unreachable, with_errno("socketpair"));
  Socket ours(executor, asio::local::stream_protocol(), ends[0]);
  UniqueFd theirs(ends[1]);
  std::vector<std::string> words = {program.program.string()};
  words.insert(words.end(), program.arguments.begin(), program.arguments.end());
  auto child = program.spawn(std::move(words), theirs.get(), theirs.get());
  theirs.reset();
  if (!child) co_return failure(child.error().code, child.error().detail);

  const auto run = std::make_shared<Run>(std::move(*child), std::move(ours));
  std::string question = encode(request) + "\n";
  auto line = co_await converse(executor, run, std::move(question), program.deadline);
  boost::system::error_code ignored;
  run->socket.close(ignored);
  // Once it has answered, or failed to, its end is near whoever else loses interest.
  const ChildEnd end = co_await await_end(executor, run->child);
  if (!line)
    co_return failure(line.error().code, line.error().detail + " (it " + end.words + "); its log says more");
  auto answer = wire::decode_exchange_answer(*line);
  if (!answer)
    co_return failure(ErrorCode::bad_answer, "fob-exchange's answer is wrong: " + answer.error().detail);
  co_return std::move(*answer);
}

}  // namespace

Exchange exchange_by_process(asio::any_io_executor executor, ExchangeProgram program) {
  return [executor, program = std::move(program)](wire::ExchangeRequest request) {
    return exchange_once(executor, program, std::move(request));
  };
}

}  // namespace fob::broker
