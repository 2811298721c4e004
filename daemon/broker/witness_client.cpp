#include "daemon/broker/witness_client.hpp"

#include "daemon/broker/child_process.hpp"
#include "ipc/base/file.hpp"
#include "ipc/base/passed_descriptors.hpp"
#include "ipc/transport/awaiting.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <list>
#include <optional>
#include <sys/socket.h>
#include <utility>

namespace fob::broker {
namespace asio = boost::asio;

namespace {

using Socket = asio::local::stream_protocol::socket;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// What a crowd of apps may have waiting for one witness; more than that is not answered in time anyway.
constexpr std::size_t k_most_waiting = 256;

wire::WitnessAnswer unknown(const wire::WitnessQuestion& question, const std::string& why) {
  wire::WitnessAnswer answer;
  if (question.exe) answer.exe = wire::Testimony{std::nullopt, why};
  if (question.exe_sha256) answer.exe_sha256 = wire::Testimony{std::nullopt, why};
  return answer;
}

// One small message, which a socket that is ready takes whole.
bool send_question(int socket, std::string_view line, int pidfd) {
  return send_with(socket, line, {&pidfd, 1}, MSG_DONTWAIT) == static_cast<ssize_t>(line.size());
}

Result<wire::WitnessAnswer> read_answer(std::string_view line, const wire::WitnessQuestion& question) {
  auto answer = wire::decode_witness_answer(line);
  if (!answer) return fail(ErrorCode::bad_answer, "fob-witness's answer is wrong: " + answer.error().detail);
  if (answer->exe.has_value() != question.exe || answer->exe_sha256.has_value() != question.exe_sha256)
    return fail(ErrorCode::bad_answer, "fob-witness did not answer what it was asked");
  return answer;
}

// A connection, and whether its time is over: a timer's handler may still be queued when the conversation is.
struct Line {
  explicit Line(Socket s) : socket(std::move(s)) {}
  Socket socket;
  bool answered = false;
  bool late = false;
};
using LinePtr = std::shared_ptr<Line>;

// Fails where this connection, or whoever is at its other end, is of no more use.
asio::awaitable<Result<wire::WitnessAnswer>> converse(LinePtr line, PidfdPtr pidfd,
                                                      wire::WitnessQuestion question, milliseconds patience) {
  line->answered = false;
  asio::steady_timer deadline(line->socket.get_executor(), patience);
  deadline.async_wait([line](const boost::system::error_code& error) {
    if (error || line->answered) return;
    line->late = true;
    boost::system::error_code ignored;
    line->socket.close(ignored);
  });
  if (!send_question(line->socket.native_handle(), encode(question) + "\n", pidfd->get()))
    co_return fail(ErrorCode::unreachable, "fob-witness takes no question");
  std::string answer;
  auto into = asio::dynamic_buffer(answer, wire::k_max_witness_answer);
  const auto [error, size] = co_await asio::async_read_until(line->socket, into, '\n', transport::k_tuple);
  line->answered = true;
  deadline.cancel();
  if (line->late) co_return fail(ErrorCode::timeout, "fob-witness did not answer in time");
  if (error) co_return fail(ErrorCode::unreachable, "fob-witness gave no answer");
  // Nothing is asked for beyond the line, so what stands there is not an answer to what comes next.
  if (size != answer.size()) co_return fail(ErrorCode::bad_answer, "fob-witness said more than it was asked");
  answer.pop_back();
  co_return read_answer(answer, question);
}

asio::awaitable<wire::WitnessAnswer> ask_at(asio::any_io_executor executor, std::filesystem::path path,
                                            milliseconds patience, PidfdPtr pidfd,
                                            wire::WitnessQuestion question) {
  const auto line = std::make_shared<Line>(Socket(executor));
  boost::system::error_code error;
  line->socket.open(asio::local::stream_protocol(), error);
  // connect(2) of a Unix socket is done at once, or refused where its queue is full.
  if (!error) line->socket.non_blocking(true, error);
  if (!error) line->socket.connect(asio::local::stream_protocol::endpoint(path.string()), error);
  if (error)
    co_return unknown(question, "fob-witness cannot be asked (" + path.string() + ": " + error.message() +
                                    "); is fob-witness.socket started?");
  auto answer = co_await converse(line, pidfd, question, patience);
  if (!answer) co_return unknown(question, answer.error().detail);
  co_return std::move(*answer);
}

// One spawned witness and who waits for it. One thread. Lives as long as anyone may ask.
class Attendant : public std::enable_shared_from_this<Attendant> {
 public:
  Attendant(asio::any_io_executor executor, WitnessProgram program)
      : executor_(std::move(executor)), program_(std::move(program)) {}

  static asio::awaitable<wire::WitnessAnswer> ask(std::shared_ptr<Attendant> self, PidfdPtr pidfd,
                                                  wire::WitnessQuestion question) {
    const auto turn = co_await await_turn(self);
    if (!turn) co_return unknown(question, "fob-witness has too many questions to answer");
    // One that died since it answered last is no reason to leave this question open.
    const bool was_running = self->line_ != nullptr;
    auto answer = co_await ask_running(self, pidfd, question);
    if (!answer && was_running && answer.error().code == ErrorCode::unreachable)
      answer = co_await ask_running(self, pidfd, question);
    if (!answer) co_return unknown(question, answer.error().detail);
    co_return std::move(*answer);
  }

 private:
  struct Place {
    explicit Place(asio::steady_timer t) : timer(std::move(t)) {}
    asio::steady_timer timer;
    bool called = false;
  };
  // The right to ask, passed on at its end.
  class Turn {
   public:
    explicit Turn(std::shared_ptr<Attendant> attendant) : attendant_(std::move(attendant)) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() { attendant_->call_next(); }

   private:
    std::shared_ptr<Attendant> attendant_;
  };

  static asio::awaitable<std::shared_ptr<Turn>> await_turn(std::shared_ptr<Attendant> self) {
    if (!std::exchange(self->busy_, true)) co_return std::make_shared<Turn>(self);
    if (self->waiting_.size() >= k_most_waiting) co_return nullptr;
    const auto place = std::make_shared<Place>(asio::steady_timer(self->executor_, self->program_.deadline));
    self->waiting_.push_back(place);
    co_await place->timer.async_wait(transport::k_tuple);
    if (place->called) co_return std::make_shared<Turn>(self);
    self->waiting_.remove(place);
    co_return nullptr;
  }

  static asio::awaitable<Result<wire::WitnessAnswer>> ask_running(std::shared_ptr<Attendant> self,
                                                                  PidfdPtr pidfd,
                                                                  wire::WitnessQuestion question) {
    if (const auto started = self->start_if_needed(); !started) co_return started.error();
    auto answer = co_await converse(self->line_, pidfd, question, self->program_.deadline);
    if (!answer) self->give_up();
    co_return answer;
  }

  void call_next() {
    busy_ = !waiting_.empty();
    if (!busy_) return;
    const auto next = waiting_.front();
    waiting_.pop_front();
    next->called = true;
    next->timer.cancel();
  }

  Result<void> start_if_needed() {
    if (line_) return {};
    // One that fails over and over is not started at the pace in which apps ask.
    if (steady_clock::now() < not_before_) return fail(ErrorCode::timeout, "fob-witness has just failed");
    not_before_ = steady_clock::now() + program_.rest;
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
      return fail(ErrorCode::unreachable, with_errno("socketpair"));
    Socket ours(executor_, asio::local::stream_protocol(), ends[0]);
    const UniqueFd theirs(ends[1]);
    auto child = program_.spawn(program_.words, theirs.get(), theirs.get());
    if (!child) return child.error();
    child_.emplace(std::move(*child));
    line_ = std::make_shared<Line>(std::move(ours));
    watch_for_its_end();
    return {};
  }

  // One that ends while nobody asks does not lie there until somebody does; while somebody asks, it is
  // noticed.
  void watch_for_its_end() {
    UniqueFd pidfd(::fcntl(child_->pidfd(), F_DUPFD_CLOEXEC, 0));
    if (!pidfd) return;
    auto end = std::make_shared<asio::posix::stream_descriptor>(executor_, pidfd.release());
    end->async_wait(
        asio::posix::stream_descriptor::wait_read,
        [weak = weak_from_this(), end, line = std::weak_ptr(line_)](const boost::system::error_code& error) {
          const auto self = weak.lock();
          if (!error && self && !self->busy_ && self->line_ == line.lock()) self->give_up();
        });
  }

  void give_up() {
    line_.reset();
    child_.reset();
  }

  asio::any_io_executor executor_;
  WitnessProgram program_;
  std::optional<Child> child_;
  LinePtr line_;
  steady_clock::time_point not_before_ = steady_clock::time_point::min();
  bool busy_ = false;
  std::list<std::shared_ptr<Place>> waiting_;
};

}  // namespace

asio::awaitable<wire::WitnessAnswer> no_witness(PidfdPtr, wire::WitnessQuestion question) {
  co_return unknown(question, "there is no fob-witness to ask");
}

Witness witness_at(asio::any_io_executor executor, std::filesystem::path socket, milliseconds deadline) {
  return [executor, socket = std::move(socket), deadline](PidfdPtr pidfd, wire::WitnessQuestion question) {
    return ask_at(executor, socket, deadline, std::move(pidfd), question);
  };
}

Witness witness_by_process(asio::any_io_executor executor, WitnessProgram program) {
  const auto attendant = std::make_shared<Attendant>(std::move(executor), std::move(program));
  return [attendant](PidfdPtr pidfd, wire::WitnessQuestion question) {
    return Attendant::ask(attendant, std::move(pidfd), question);
  };
}

}  // namespace fob::broker
