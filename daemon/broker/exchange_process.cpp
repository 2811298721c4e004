#include "daemon/broker/exchange_process.hpp"

#include "daemon/broker/child_process.hpp"
#include "daemon/broker/conversation.hpp"
#include "ipc/base/file.hpp"
#include "ipc/base/unique_fd.hpp"
#include "ipc/wire/limits.hpp"

#include <array>
#include <memory>
#include <sys/socket.h>
#include <utility>

namespace fob::broker {
namespace asio = boost::asio;

namespace {

// The line, or what went wrong on the way to it.
Result<std::string> line_of(Talk talk, std::chrono::milliseconds patience) {
  switch (talk.end) {
    case TalkEnd::answered:
      return std::move(talk.text);
    case TalkEnd::silent:
      return fail(ErrorCode::timeout,
                  "fob-exchange said nothing for " + std::to_string(patience.count()) + " ms and was ended");
    case TalkEnd::too_much:
      return fail(ErrorCode::bad_answer, "fob-exchange answered more than it may");
    case TalkEnd::cut_off:
      break;
  }
  return fail(ErrorCode::bad_answer, "fob-exchange gave no answer");
}

asio::awaitable<wire::ExchangeAnswer> exchange_once(asio::any_io_executor executor, ExchangeProgram program,
                                                    wire::ExchangeRequest request) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    co_return failed_exchange(ErrorCode::unreachable, with_errno("socketpair"));
  asio::local::stream_protocol::socket ours(executor, asio::local::stream_protocol(), ends[0]);
  UniqueFd theirs(ends[1]);
  std::vector<std::string> words = {program.program.string()};
  words.insert(words.end(), program.arguments.begin(), program.arguments.end());
  auto child = program.spawn(std::move(words), theirs.get(), theirs.get());
  theirs.reset();
  if (!child) co_return failed_exchange(child.error().code, child.error().detail);

  const auto running = std::make_shared<Child>(std::move(*child));
  std::string question = encode(request) + "\n";
  auto talk = co_await converse(executor, std::move(ours), std::move(question), program.deadline,
                                wire::k_max_exchange_answer);
  if (talk.end == TalkEnd::silent) running->kill();
  auto line = line_of(std::move(talk), program.deadline);
  // Once it has answered, or failed to, its end is near whoever else loses interest.
  const ChildEnd end = co_await await_end(executor, running);
  if (!line)
    co_return failed_exchange(line.error().code,
                              line.error().detail + " (it " + end.words + "); its log says more");
  auto answer = wire::decode_exchange_answer(*line);
  if (!answer)
    co_return failed_exchange(ErrorCode::bad_answer,
                              "fob-exchange's answer is wrong: " + answer.error().detail);
  co_return std::move(*answer);
}

}  // namespace

Exchange exchange_by_process(asio::any_io_executor executor, ExchangeProgram program) {
  return [executor, program = std::move(program)](wire::ExchangeRequest request) {
    return exchange_once(executor, program, std::move(request));
  };
}

}  // namespace fob::broker
