// The HTTP server against raw bytes on a real Unix socket.
#include "daemon/broker/http_server.hpp"

#include "ipc/base/passed_descriptors.hpp"
#include "ipc/base/pidfd.hpp"
#include "ipc/transport/unix_listener.hpp"
#include "ipc/wire/limits.hpp"
#include "tests/support/limits.hpp"
#include "tests/support/recorded_log.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/turns.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <grp.h>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace fob::broker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Sends a great deal, until the reader does not take it any more.
boost::asio::awaitable<void> pour(EventSinkPtr sink) {
  bool taken = true;
  while (taken) {
    std::string text(100'000, 'x');
    taken = co_await sink->send(std::move(text));
  }
}

boost::asio::awaitable<void> say_hello(EventSinkPtr sink) {
  std::string text = "hello\n";
  co_await sink->send(std::move(text));
}

// Has nothing more to say, and goes on until the reader is gone.
boost::asio::awaitable<void> stay(EventSinkPtr sink) {
  std::string text = "hello\n";
  co_await sink->send(std::move(text));
  const auto end = std::make_shared<boost::asio::steady_timer>(co_await boost::asio::this_coro::executor,
                                                               std::chrono::hours(1));
  sink->when_gone([end] { end->cancel(); });
  co_await end->async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  sink->when_gone(nullptr);
}

std::string whole(std::string body) {
  Response response;
  response.body = std::move(body);
  return serialized(response);
}

// Answers by itself so often, and then has the handler asked again.
class FewRepeats final : public Repeat {
 public:
  explicit FewRepeats(int left) : left_(left) {}
  std::string_view answer(pid_t) override {
    if (left_ == 0) return {};
    bytes_ = whole("repeat " + std::to_string(left_--));
    return bytes_;
  }
  bool is_over() const override { return left_ == 0; }

 private:
  int left_;
  std::string bytes_;
};

// More at once than a socket takes.
class Flood final : public Repeat {
 public:
  std::string_view answer(pid_t) override { return bytes_; }
  bool is_over() const override { return false; }

 private:
  std::string bytes_ = whole(std::string(3'000'000, 'x'));
};

// Told of the next FewRepeats that is made.
std::weak_ptr<Repeat>* told_of_repeat = nullptr;

int answered_always = 0;

class Always final : public Repeat {
 public:
  std::string_view answer(pid_t) override {
    ++answered_always;
    return bytes_;
  }
  bool is_over() const override { return false; }

 private:
  std::string bytes_ = whole("always");
};

// Cannot do what it promised.
class Broken final : public Repeat {
 public:
  std::string_view answer(pid_t) override { throw std::runtime_error("a bug"); }
  bool is_over() const override { return false; }
};

// Follows a page: looks again at each nudge that is wanted of it.
EventSinkPtr page_reader;

boost::asio::awaitable<void> follow_page(EventSinkPtr sink) {
  page_reader = sink;
  const auto end = std::make_shared<boost::asio::steady_timer>(co_await boost::asio::this_coro::executor,
                                                               std::chrono::hours(1));
  sink->when_gone([end] { end->cancel(); });
  co_await end->async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  page_reader = nullptr;
}

boost::asio::awaitable<void> leave_page(EventSinkPtr) { co_return; }

boost::asio::awaitable<void> fail_events(EventSinkPtr sink) {
  std::string text = "hello\n";
  co_await sink->send(std::move(text));
  throw std::runtime_error("a bug");
}

std::string process_of(const transport::Peer& peer) {
  return peer.pidfd ? std::to_string(pid_of(peer.pidfd->get()).value_or(0)) : "none";
}

boost::asio::awaitable<Response> echo(Request request) {
  Response response;
  if (request.target == "/refused") co_return problem_response(fail(ErrorCode::not_granted, "no"));
  if (request.again && request.target == "/always") response.repeat = std::make_shared<Always>();
  if (request.again && request.target == "/repeat") {
    response.repeat = std::make_shared<FewRepeats>(2);
    if (told_of_repeat != nullptr) *told_of_repeat = response.repeat;
  }
  if (request.again && request.target == "/flood") response.repeat = std::make_shared<Flood>();
  if (request.target == "/pour") response.events = pour;
  if (request.target == "/hello") response.events = say_hello;
  if (request.target == "/stay") response.events = stay;
  if (request.target == "/broken") response.events = fail_events;
  if (request.again && request.target == "/broken-repeat") response.repeat = std::make_shared<Broken>();
  if (request.target == "/page" || request.target == "/short-page") {
    response.status = 101;
    response.upgrade = Upgrade{"a-page", "More: of it\r\n", STDERR_FILENO};
    response.events = request.target == "/page" ? follow_page : leave_page;
  }
  response.body = request.method + " " + request.target + " " + request.body;
  if (request.target == "/big") response.body = std::string(3'000'000, 'x');
  if (request.target == "/who") response.body = process_of(request.peer);
  co_return response;
}

class HttpServerTest : public ::testing::Test {
 protected:
  void serve(ServerLimits limits) {
    auto listener = transport::listen_at(path(), {0600, std::nullopt});
    ASSERT_TRUE(listener) << listener.error().detail;
    server_ = std::make_unique<HttpServer>(io_, std::move(*listener), limits, echo, log_.log);
  }

  std::filesystem::path path() const { return directory_.path() / "s"; }

  UniqueFd connect() {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }

  static void send(const UniqueFd& fd, const std::string& bytes) {
    EXPECT_EQ(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }

  void turn_for(std::chrono::milliseconds time) { test::turn_for(io_, time); }

  // Turns the loop until the other side has something to say or has closed; what it said so far.
  std::string receive(const UniqueFd& fd) {
    std::string text;
    for (int turns = 0; turns < 2000; ++turns) {
      turn_for(std::chrono::milliseconds(1));
      char chunk[65536];
      const ssize_t n = ::recv(fd.get(), chunk, sizeof chunk, MSG_DONTWAIT);
      if (n > 0) text.append(chunk, static_cast<std::size_t>(n));
      if (n == 0 || (n < 0 && !text.empty())) break;
    }
    return text;
  }

  bool closed(const UniqueFd& fd) {
    turn_for(std::chrono::milliseconds(5));
    pollfd waiting{fd.get(), POLLIN | POLLRDHUP, 0};
    ::poll(&waiting, 1, 0);
    return (waiting.revents & (POLLHUP | POLLRDHUP)) != 0;
  }

  static constexpr ServerLimits k_roomy{.connections = 64, .connections_per_uid = 32};

  test::TempDirectory directory_;
  SystemClock clock_;
  test::RecordedLog log_{clock_};
  boost::asio::io_context io_{1};
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersARequest) {
  serve(k_roomy);
  const auto fd = connect();
  send(fd, "GET /x HTTP/1.1\r\nHost: fob\r\n\r\n");
  EXPECT_EQ(receive(fd),
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nContent-Length: "
            "7\r\n\r\nGET /x ");
}

TEST_F(HttpServerTest, KeepsAConnectionForFurtherRequests) {
  serve(k_roomy);
  const auto fd = connect();
  for (int i = 0; i < 3; ++i) {
    send(fd, "POST /x HTTP/1.1\r\nHost: fob\r\nContent-Length: 2\r\n\r\nhi");
    EXPECT_THAT(receive(fd), HasSubstr("POST /x hi"));
  }
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  serve(k_roomy);
  const auto fd = connect();
  send(fd, "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\nConnection: close\r\n\r\n");
  const std::string answers = receive(fd);
  const auto first = answers.find("GET /1"), second = answers.find("GET /2"), third = answers.find("GET /3");
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_NE(third, std::string::npos);
}

TEST_F(HttpServerTest, AnswersTheSameRequestByWhatIsReadyUntilThatSaysNo) {
  serve(k_roomy);
  const auto fd = connect();
  const std::string request = "GET /repeat HTTP/1.1\r\nHost: fob\r\n\r\n";
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n";
  std::vector<std::string> bodies;
  for (int i = 0; i < 6; ++i) {
    send(fd, request);
    const std::string answer = receive(fd);
    EXPECT_THAT(answer, StartsWith(head));
    bodies.push_back(answer.substr(answer.find("\r\n\r\n") + 4));
  }
  EXPECT_THAT(bodies, ElementsAre("GET /repeat ", "GET /repeat ", "repeat 2", "repeat 1", "GET /repeat ",
                                  "repeat 2"));
}

TEST_F(HttpServerTest, CountsWhatItAnsweredAndWhatIsOpen) {
  serve({.connections = 4, .connections_per_uid = 4, .streams_per_uid = 1});
  const auto fd = connect();
  // The third is answered by what is ready.
  for (int i = 0; i < 3; ++i) {
    send(fd, "GET /repeat HTTP/1.1\r\nHost: fob\r\n\r\n");
    receive(fd);
  }
  send(fd, "GET /refused HTTP/1.1\r\nHost: fob\r\n\r\n");
  receive(fd);
  const auto nonsense = connect();
  send(nonsense, "nonsense\r\n\r\n");
  receive(nonsense);
  Traffic traffic = server_->traffic();
  EXPECT_EQ(traffic.served, 3U);
  EXPECT_THAT(traffic.refused,
              ElementsAre(std::pair("urn:fob:bad-request", 1U), std::pair("urn:fob:not-granted", 1U)));
  const auto stream = connect(), another = connect();
  for (const auto* reader : {&stream, &another}) {
    send(*reader, "GET /stay HTTP/1.1\r\nHost: fob\r\n\r\n");
    receive(*reader);
  }
  traffic = server_->traffic();
  EXPECT_EQ(traffic.served, 4U);
  EXPECT_EQ(traffic.refused["urn:fob:too-many-requests"], 1U);
  EXPECT_EQ(traffic.event_streams, 1U);
  EXPECT_EQ(traffic.page_readers, 0U);
  EXPECT_GE(traffic.connections, 2U);
}

TEST_F(HttpServerTest, TakesNothingElseForTheSameRequest) {
  serve(k_roomy);
  const auto fd = connect();
  const std::string request = "GET /repeat HTTP/1.1\r\nHost: fob\r\n\r\n";
  send(fd, request);
  receive(fd);
  send(fd, request);
  receive(fd);
  // Others in between, one that only begins alike, and the same in two pieces.
  send(fd, "POST /repeat HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_THAT(receive(fd), HasSubstr("POST /repeat hi"));
  send(fd, "GET /repeat HTTP/1.1\r\nHost: fob\r\nX: y\r\n\r\n");
  EXPECT_THAT(receive(fd), HasSubstr("GET /repeat "));
  send(fd, request.substr(0, 10));
  turn_for(std::chrono::milliseconds(5));
  send(fd, request.substr(10));
  EXPECT_THAT(receive(fd), HasSubstr("GET /repeat "));
  send(fd, "HEAD /repeat HTTP/1.1\r\nHost: fob\r\n\r\n");
  EXPECT_TRUE(receive(fd).ends_with("\r\n\r\n"));
}

TEST_F(HttpServerTest, AnswersPipelinedRepeatsInOrderWithWhatFollowsThem) {
  serve(k_roomy);
  const auto fd = connect();
  const std::string request = "GET /repeat HTTP/1.1\r\nHost: fob\r\n\r\n";
  for (int i = 0; i < 2; ++i) {
    send(fd, request);
    receive(fd);
  }
  send(fd, request + request + "GET /other HTTP/1.1\r\n\r\n" + request + "GET /la");
  const std::string answers = receive(fd);
  const auto at = [&](const char* text) { return answers.find(text); };
  EXPECT_LT(at("repeat 2"), at("repeat 1"));
  EXPECT_LT(at("repeat 1"), at("GET /other"));
  EXPECT_LT(at("GET /other"), at("GET /repeat"));
  EXPECT_NE(at("GET /repeat"), std::string::npos);
  send(fd, "st HTTP/1.1\r\n\r\n");
  EXPECT_THAT(receive(fd), HasSubstr("GET /last"));
}

// A request that one connection has made twice, so that the next two like it are answered by what is ready.
class KnownRequestTest : public HttpServerTest {
 protected:
  void SetUp() override {
    serve(k_roomy);
    first_ = connect();
    EXPECT_EQ(ask(first_), "GET /repeat ");
    EXPECT_EQ(ask(first_), "GET /repeat ");
  }

  std::string ask(const UniqueFd& fd) {
    send(fd, k_request);
    return body_of(receive(fd));
  }
  static std::string body_of(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }

  bool closes(const UniqueFd& fd, std::chrono::milliseconds within) {
    turn_for(within);
    return closed(fd);
  }

  static inline const std::string k_request = "GET /repeat HTTP/1.1\r\nHost: fob\r\n\r\n";
  UniqueFd first_;
};

TEST_F(KnownRequestTest, IsAnsweredByWhatIsReadyOnANewConnectionToo) {
  EXPECT_EQ(ask(connect()), "repeat 2");
  EXPECT_EQ(ask(first_), "repeat 1");
  const auto other = connect();
  EXPECT_EQ(ask(other), "GET /repeat ");
  EXPECT_EQ(ask(other), "repeat 2");
}

TEST_F(KnownRequestTest, LeavesTheProcessToBeLookedAtByALaterOne) {
  const UniqueFd other = connect();
  EXPECT_EQ(ask(other), "repeat 2");
  send(other, "GET /who HTTP/1.1\r\nHost: fob\r\n\r\n");
  EXPECT_EQ(body_of(receive(other)), std::to_string(::getpid()));
}

TEST_F(KnownRequestTest, IsNotKnownOfAPeerInOtherGroups) {
  std::vector<gid_t> groups(static_cast<std::size_t>(::getgroups(0, nullptr)));
  ASSERT_GE(::getgroups(static_cast<int>(groups.size()), groups.data()), 0);
  const gid_t another = 12345;
  if (::setgroups(1, &another) != 0) GTEST_SKIP() << "other groups are for root to have";
  const auto other = connect();
  ASSERT_EQ(::setgroups(groups.size(), groups.data()), 0);
  EXPECT_EQ(ask(other), "GET /repeat ") << "heard of such a peer for the first time";
  EXPECT_EQ(ask(other), "GET /repeat ");
  EXPECT_EQ(ask(other), "repeat 2");
  EXPECT_EQ(ask(connect()), "repeat 2") << "each has its own";
}

TEST_F(KnownRequestTest, IsForgottenWhenNobodyIsConnected) {
  first_.reset();
  for (int turns = 0; turns < 1000 && server_->connections() > 0; ++turns)
    turn_for(std::chrono::milliseconds(1));
  EXPECT_EQ(server_->connections(), 0U);
  turn_for(std::chrono::milliseconds(700));
  const auto fd = connect();
  EXPECT_EQ(ask(fd), "GET /repeat ");
  EXPECT_EQ(ask(fd), "GET /repeat ");
  EXPECT_EQ(ask(fd), "repeat 2");
}

TEST_F(KnownRequestTest, EndsTheConnectionAtOnceThatSaysItsLastWordWithTheFirstRequest) {
  const auto fd = connect();
  send(fd, k_request);
  ::shutdown(fd.get(), SHUT_WR);
  EXPECT_EQ(body_of(receive(fd)), "repeat 2");
  EXPECT_TRUE(closes(fd, std::chrono::milliseconds(20)));
}

TEST_F(KnownRequestTest, EndsTheConnectionSoonThatSaysItsLastWordWithALaterOne) {
  send(first_, k_request);
  ::shutdown(first_.get(), SHUT_WR);
  EXPECT_EQ(body_of(receive(first_)), "repeat 2");
  EXPECT_TRUE(closes(first_, std::chrono::milliseconds(600)));
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(KnownRequestTest, IsHeardInPiecesThatTheKernelKeepsApart) {
  // What comes with a descriptor is read by itself, whatever lies behind it.
  for (int i = 0; i < 2; ++i) {
    const std::array passed{STDERR_FILENO};
    ASSERT_EQ(send_with(first_.get(), k_request, passed), static_cast<ssize_t>(k_request.size()));
  }
  std::string all;
  for (int turns = 0; turns < 600 && all.find("repeat 1") == std::string::npos; ++turns)
    all += receive(first_);
  EXPECT_THAT(all, HasSubstr("repeat 2"));
  EXPECT_THAT(all, HasSubstr("repeat 1"));
  EXPECT_EQ(ask(first_), "GET /repeat ");
}

TEST_F(KnownRequestTest, LeavesTurnsToOthersHoweverMuchOfItComes) {
  // Of a length that many of make one reading, so that none of them leaves a rest.
  const std::string request = "GET /always HTTP/1.1\r\nA: bcd\r\n\r\n";
  ASSERT_EQ(request.size(), 32U);
  for (int i = 0; i < 2; ++i) {
    send(first_, request);
    receive(first_);
  }
  std::string many;
  for (int i = 0; i < 160; ++i) many += request;
  send(first_, many);
  const int before = answered_always;
  int last = before, most = 0;
  std::function<void()> turn = [&] {
    most = std::max(most, answered_always - last);
    last = answered_always;
    if (last < before + 160) boost::asio::post(io_, turn);
  };
  turn();
  std::string answers;
  for (int turns = 0; turns < 10 && last < before + 160; ++turns) answers += receive(first_);
  EXPECT_EQ(last, before + 160);
  EXPECT_GT(most, 0);
  EXPECT_LE(most, 2 * 2 * 1024 / 32) << "two turns, and two more when it begins to listen again at once";
}

TEST_F(KnownRequestTest, IsNoneThatWasRefused) {
  const auto fd = connect();
  for (int i = 0; i < 40; ++i) {
    send(fd, "GET /refused HTTP/1.1\r\nN: " + std::to_string(i) + "\r\n\r\n");
    EXPECT_THAT(receive(fd), StartsWith("HTTP/1.1 403"));
  }
  EXPECT_EQ(ask(connect()), "repeat 2") << "nobody's place was taken";
}

TEST_F(KnownRequestTest, LetsGoOfWhatIsOver) {
  std::weak_ptr<Repeat> watched;
  told_of_repeat = &watched;
  const auto fd = connect();
  EXPECT_EQ(ask(fd), "repeat 2");
  EXPECT_EQ(ask(fd), "repeat 1");
  EXPECT_EQ(ask(fd), "GET /repeat ") << "a new one is made";
  ASSERT_FALSE(watched.expired());
  EXPECT_EQ(ask(fd), "repeat 2");
  server_->forget_old();
  EXPECT_FALSE(watched.expired()) << "it has one answer left";
  EXPECT_EQ(ask(fd), "repeat 1");
  server_->forget_old();
  EXPECT_TRUE(watched.expired());
  told_of_repeat = nullptr;
}

TEST_F(KnownRequestTest, KeepsTheConnectionThatWasAnsweredJustNowWhenOneHasToGo) {
  ServerLimits tight = k_roomy;
  tight.connections_per_uid = 2;
  server_.reset();
  std::filesystem::remove(path());
  serve(tight);
  const auto busy = connect();
  EXPECT_EQ(ask(busy), "GET /repeat ");
  EXPECT_EQ(ask(busy), "GET /repeat ");
  const auto silent = connect();
  send(silent, "GET /x HTTP/1.1\r\n\r\n");
  receive(silent);
  EXPECT_EQ(ask(busy), "repeat 2");
  const auto third = connect();
  EXPECT_EQ(ask(third), "repeat 1");
  EXPECT_TRUE(closed(silent));
  EXPECT_FALSE(closed(busy));
}

TEST_F(HttpServerTest, WaitsForAReaderWhoTakesARepeatSlowly) {
  serve(k_roomy);
  const auto fd = connect();
  const std::string request = "GET /flood HTTP/1.1\r\nHost: fob\r\n\r\n";
  for (int i = 0; i < 2; ++i) {
    send(fd, request);
    receive(fd);
  }
  send(fd, request + "GET /after HTTP/1.1\r\n\r\n");
  std::string all;
  for (int turns = 0; turns < 2000 && all.find("GET /after") == std::string::npos; ++turns)
    all += receive(fd);
  EXPECT_EQ(std::count(all.begin(), all.end(), 'x'), 3'000'000);
  EXPECT_TRUE(all.ends_with("GET /after "));
}

TEST_F(HttpServerTest, AnswersHeadWithoutABody) {
  serve(k_roomy);
  const auto fd = connect();
  send(fd, "HEAD /x HTTP/1.1\r\nHost: fob\r\n\r\n");
  const std::string answer = receive(fd);
  EXPECT_THAT(answer, HasSubstr("Content-Length: 8\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

TEST_F(HttpServerTest, StreamsEventsUntilTheyEnd) {
  serve(k_roomy);
  const auto fd = connect();
  send(fd, "GET /hello HTTP/1.1\r\nHost: fob\r\n\r\n");
  const std::string answer = receive(fd);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\nhello\n")) << answer;
  EXPECT_TRUE(closed(fd));
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(HttpServerTest, DropsAReaderOfEventsThatIsTooSlowAndServesTheOthers) {
  ServerLimits limits = k_roomy;
  limits.write_deadline = std::chrono::seconds(3);
  serve(limits);
  const auto slow = connect(), other = connect();
  send(slow, "GET /pour HTTP/1.1\r\nHost: fob\r\n\r\n");
  send(other, "GET /x HTTP/1.1\r\nHost: fob\r\n\r\n");
  EXPECT_THAT(receive(other), HasSubstr("GET /x"));
  EXPECT_EQ(server_->connections(), 2U);
  for (int turns = 0; turns < 10'000 && server_->connections() > 1; ++turns)
    turn_for(std::chrono::milliseconds(1));
  EXPECT_EQ(server_->connections(), 1U);
}

TEST_F(HttpServerTest, StreamsOfEventsLeaveRoomForRequests) {
  ServerLimits limits = k_roomy;
  limits.streams_per_uid = 2;
  serve(limits);
  std::vector<UniqueFd> streams;
  for (int i = 0; i < 2; ++i) {
    streams.push_back(connect());
    send(streams.back(), "GET /stay HTTP/1.1\r\nHost: fob\r\n\r\n");
    EXPECT_THAT(receive(streams.back()), StartsWith("HTTP/1.1 200"));
  }
  const auto third = connect();
  send(third, "GET /stay HTTP/1.1\r\nHost: fob\r\n\r\n");
  EXPECT_THAT(receive(third), StartsWith("HTTP/1.1 429"));
  send(third, "GET /x HTTP/1.1\r\nHost: fob\r\n\r\n");
  EXPECT_THAT(receive(third), HasSubstr("GET /x"));
  streams.clear();
  turn_for(std::chrono::milliseconds(100));
  send(third, "GET /stay HTTP/1.1\r\nHost: fob\r\n\r\n");
  EXPECT_THAT(receive(third), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, AReaderOfEventsThatGoesAwayIsNoticedAtOnce) {
  serve(k_roomy);
  auto fd = connect();
  send(fd, "GET /pour HTTP/1.1\r\nHost: fob\r\n\r\n");
  receive(fd);
  fd.reset();
  for (int turns = 0; turns < 2000 && server_->connections() > 0; ++turns)
    turn_for(std::chrono::milliseconds(1));
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(HttpServerTest, ClosesAfterARequestThatWantsIt) {
  serve(k_roomy);
  const auto fd = connect();
  send(fd, "GET /x HTTP/1.0\r\n\r\n");
  EXPECT_THAT(receive(fd), HasSubstr("GET /x"));
  EXPECT_TRUE(closed(fd));
}

TEST_F(HttpServerTest, TellsWhatIsNotHttp) {
  serve(k_roomy);
  for (const auto* bytes :
       {"\x16\x03\x01\x02\r\n\r\n", "GET\r\n\r\n", "GET /x HTTP/9.9\r\n\r\n",
        "GET /x HTTP/1.1\r\n bad\r\n\r\n", "GET /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "GET /x HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "G\x01T /x HTTP/1.1\r\n\r\n"}) {
    const auto fd = connect();
    send(fd, bytes);
    const std::string answer = receive(fd);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400")) << bytes;
    EXPECT_THAT(answer, HasSubstr("application/problem+json"));
    EXPECT_THAT(answer, HasSubstr("urn:fob:bad-request"));
  }
}

TEST_F(HttpServerTest, RefusesAHeadThatIsTooLarge) {
  serve(k_roomy);
  const auto fd = connect();
  send(fd, "GET /x HTTP/1.1\r\nX: " + std::string(wire::k_max_head, 'x'));
  const std::string answer = receive(fd);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 431"));
  EXPECT_THAT(answer, HasSubstr("urn:fob:too-large"));
}

TEST_F(HttpServerTest, RefusesABodyThatIsTooLargeBeforeItHasBeenSent) {
  serve(k_roomy);
  const auto fd = connect();
  send(fd, "POST /x HTTP/1.1\r\nContent-Length: 200000\r\n\r\n");
  EXPECT_THAT(receive(fd), StartsWith("HTTP/1.1 413"));
}

TEST_F(HttpServerTest, RefusesAChunkedBodyThatGrowsTooLarge) {
  serve(k_roomy);
  const auto fd = connect();
  send(fd, "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n" + std::string(40000, 'x'));
  EXPECT_THAT(receive(fd), StartsWith("HTTP/1.1 413"));
}

// Boost 1.81's parser asserts that the last chunk, where it is also the first, has more bytes than it needs.
TEST_F(HttpServerTest, TakesAChunkedBodyByteByByte) {
  serve(k_roomy);
  for (const auto& [chunks, body] : {std::pair("0\r\n\r\n", ""), std::pair("2\r\nhi\r\n0\r\n\r\n", "hi")}) {
    const auto fd = connect();
    send(fd, "POST /x HTTP/1.1\r\nHost: fob\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (const char byte : std::string_view(chunks)) {
      turn_for(std::chrono::milliseconds(1));
      send(fd, std::string(1, byte));
    }
    EXPECT_THAT(receive(fd), ::testing::EndsWith("\r\n\r\nPOST /x " + std::string(body)));
  }
}

TEST_F(HttpServerTest, SaysGoOnToWhoeverExpectsIt) {
  serve(k_roomy);
  const auto fd = connect();
  send(fd, "POST /x HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(receive(fd), StartsWith("HTTP/1.1 100 Continue\r\n\r\n"));
  send(fd, "hi");
  EXPECT_THAT(receive(fd), HasSubstr("POST /x hi"));
}

TEST_F(HttpServerTest, GivesUpTheLongestSilentConnectionForANewOne) {
  serve({.connections = 64, .connections_per_uid = 2});
  const auto first = connect();
  turn_for(std::chrono::milliseconds(2));
  const auto second = connect();
  send(second, "GET /half");
  turn_for(std::chrono::milliseconds(2));
  const auto third = connect();
  send(third, "GET /x HTTP/1.1\r\n\r\n");
  EXPECT_THAT(receive(third), HasSubstr("GET /x"));
  EXPECT_TRUE(closed(first));
  EXPECT_FALSE(closed(second));
  EXPECT_EQ(server_->connections(), 2u);
}

TEST_F(HttpServerTest, EndsAConnectionThatNeverAsks) {
  ServerLimits limits = k_roomy;
  limits.head_deadline = std::chrono::seconds(0);
  serve(limits);
  const auto fd = connect();
  send(fd, "GET /never");
  EXPECT_EQ(receive(fd), "");
  EXPECT_TRUE(closed(fd));
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(HttpServerTest, ForgetsAClientThatHangsUp) {
  // A busy machine takes its time to tell of either.
  const auto connections_in_time = [&](std::size_t wanted) {
    for (int i = 0; i < 1000 && server_->connections() != wanted; ++i) turn_for(std::chrono::milliseconds(5));
    return server_->connections();
  };
  serve(k_roomy);
  {
    const auto fd = connect();
    send(fd, "GET /x HTTP/1.1\r\n");
    EXPECT_EQ(connections_in_time(1), 1u);
  }
  EXPECT_EQ(connections_in_time(0), 0u);
}

TEST_F(HttpServerTest, AHandlerThatThrowsCostsOnlyItsOwnRequest) {
  auto listener = transport::listen_at(path(), {0600, std::nullopt});
  ASSERT_TRUE(listener);
  const Handler broken = [](Request) -> boost::asio::awaitable<Response> {
    throw std::runtime_error("a bug");
  };
  server_ = std::make_unique<HttpServer>(io_, std::move(*listener), k_roomy, broken, log_.log);
  const auto fd = connect();
  for (int i = 0; i < 3; ++i) {
    send(fd, "GET /x HTTP/1.1\r\n\r\n");
    const std::string answer = receive(fd);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 500"));
    EXPECT_EQ(answer.find("a bug"), std::string::npos);
  }
  EXPECT_EQ(log_.str(), "[error] a request failed: a bug; please report this\tFOB_EVENT=bug\n")
      << "an app can ask as often as it likes";
}

TEST(UnixListener, HasItsModeAndReplacesAStaleSocket) {
  const test::TempDirectory directory;
  const auto path = directory.path() / "s";
  for (int i = 0; i < 2; ++i) {
    const auto listener = transport::listen_at(path, {0666, std::nullopt});
    ASSERT_TRUE(listener) << listener.error().detail;
    struct stat facts {};
    ASSERT_EQ(::stat(path.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 07777, 0666u);
  }
}

TEST(UnixListener, ReplacesNothingThatIsNotASocket) {
  const test::TempDirectory directory;
  std::filesystem::create_directory(directory.path() / "s");
  const auto listener = transport::listen_at(directory.path() / "s", {0600, std::nullopt});
  ASSERT_FALSE(listener);
  EXPECT_THAT(listener.error().detail, HasSubstr("is not a socket; move it away"));
}

TEST(UnixListener, RefusesAPathThatIsTooLong) {
  const auto listener = transport::listen_at("/tmp/" + std::string(200, 'x'), {0600, std::nullopt});
  ASSERT_FALSE(listener);
  EXPECT_THAT(listener.error().detail, HasSubstr("use a shorter --runtime-dir"));
}

TEST(RuntimeDirectory, IsNotOneThatOthersCanWrite) {
  const test::TempDirectory directory;
  std::filesystem::permissions(directory.path(), std::filesystem::perms::all);
  const auto lock = transport::lock_runtime_directory(directory.path());
  ASSERT_FALSE(lock);
  EXPECT_THAT(lock.error().detail, HasSubstr("chmod go-w " + directory.path().string()));
}

TEST(RuntimeDirectory, IsForOneDaemon) {
  const test::TempDirectory directory;
  auto first = transport::lock_runtime_directory(directory.path());
  ASSERT_TRUE(first);
  const auto second = transport::lock_runtime_directory(directory.path());
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().detail, HasSubstr("process " + std::to_string(::getpid())));
  first->reset();
  EXPECT_TRUE(transport::lock_runtime_directory(directory.path()));
}

TEST_F(HttpServerTest, WhatWasAskedBeforeADrainIsAnsweredAndNothingAfterIsRead) {
  serve({16, 16});
  const UniqueFd idle = connect(), asking = connect();
  for (const auto* fd : {&idle, &asking}) {
    send(*fd, "GET /a HTTP/1.1\r\nHost: fob\r\n\r\n");
    EXPECT_THAT(receive(*fd), StartsWith("HTTP/1.1 200"));
  }
  send(asking, "GET /b HTTP/1.1\r\nHost: fob\r\n\r\n");
  server_->drain();
  const std::string more = "GET /c HTTP/1.1\r\nHost: fob\r\n\r\n";
  EXPECT_EQ(::send(idle.get(), more.data(), more.size(), MSG_NOSIGNAL), -1) << "so it knows to ask anew";
  EXPECT_EQ(errno, EPIPE);
  const std::string answer = receive(asking);
  EXPECT_THAT(answer, HasSubstr("GET /b"));
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  for (int turns = 0; turns < 100 && server_->connections() > 0; ++turns)
    turn_for(std::chrono::milliseconds(1));
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(HttpServerTest, WhoHasOnlyJustConnectedCanStillAskDuringADrain) {
  serve({16, 16});
  const UniqueFd fresh = connect();
  turn_for(std::chrono::milliseconds(1));
  server_->drain();
  send(fresh, "GET /a HTTP/1.1\r\nHost: fob\r\n\r\n");
  EXPECT_THAT(receive(fresh), HasSubstr("GET /a"));
}

TEST_F(HttpServerTest, ASilentConnectionDoesNotHoldUpADrain) {
  serve({16, 16});
  const UniqueFd silent = connect();
  turn_for(std::chrono::milliseconds(1));
  server_->drain();
  for (int turns = 0; turns < 1000 && server_->connections() > 0; ++turns)
    turn_for(std::chrono::milliseconds(1));
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(HttpServerTest, AReaderOfEventsIsToldToComeAgainByADrain) {
  serve({16, 16});
  const UniqueFd reader = connect();
  send(reader, "GET /hello HTTP/1.1\r\nHost: fob\r\n\r\n");
  EXPECT_THAT(receive(reader), HasSubstr("text/event-stream"));
  server_->drain();
  for (int turns = 0; turns < 100 && server_->connections() > 0; ++turns)
    turn_for(std::chrono::milliseconds(1));
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(HttpServerTest, SpeaksToAnOlderClientAsThatWants) {
  serve(k_roomy);
  const auto fd = connect();
  for (int i = 0; i < 2; ++i) {
    send(fd, "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const std::string answer = receive(fd);
    EXPECT_THAT(answer, StartsWith("HTTP/1.0 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("Connection: keep-alive\r\n"));
  }
  send(fd, "GET /hello HTTP/1.0\r\n\r\n");
  EXPECT_THAT(receive(fd), StartsWith("HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n"));
}

TEST_F(HttpServerTest, ToldTheHeadOfAStreamAsAHeadAndBeginsNone) {
  serve(k_roomy);
  const auto fd = connect();
  send(fd, "HEAD /hello HTTP/1.1\r\nHost: fob\r\n\r\n");
  EXPECT_TRUE(receive(fd).ends_with("\r\n\r\n"));
  EXPECT_EQ(server_->traffic().event_streams, 0U);
  send(fd, "GET /x HTTP/1.1\r\nHost: fob\r\n\r\n");
  EXPECT_THAT(receive(fd), HasSubstr("GET /x"));
}

TEST_F(HttpServerTest, TurnsAwayWhomNobodyCanMakeRoomFor) {
  serve({.connections = 64, .connections_per_uid = 2, .streams_per_uid = 2});
  std::vector<UniqueFd> streams;
  for (int i = 0; i < 2; ++i) {
    streams.push_back(connect());
    send(streams.back(), "GET /stay HTTP/1.1\r\nHost: fob\r\n\r\n");
    receive(streams.back());
  }
  const auto third = connect();
  const std::string answer = receive(third);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 429"));
  EXPECT_THAT(answer, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, HasSubstr("too many connections are open"));
  EXPECT_TRUE(closed(third));
  EXPECT_EQ(server_->connections(), 2U);
  for (const auto& stream : streams) EXPECT_FALSE(closed(stream));
}

TEST_F(HttpServerTest, AStreamThatThrowsCostsOnlyItself) {
  serve(k_roomy);
  const auto fd = connect(), other = connect();
  send(fd, "GET /broken HTTP/1.1\r\nHost: fob\r\n\r\n");
  EXPECT_TRUE(receive(fd).ends_with("hello\n"));
  EXPECT_TRUE(closed(fd));
  EXPECT_THAT(log_.str(), HasSubstr("an event stream failed: a bug; please report this"));
  send(other, "GET /x HTTP/1.1\r\nHost: fob\r\n\r\n");
  EXPECT_THAT(receive(other), HasSubstr("GET /x"));
}

TEST_F(HttpServerTest, ARepeatThatThrowsCostsTheLongerWayAndNotTheAnswer) {
  serve(k_roomy);
  const auto fd = connect();
  for (int i = 0; i < 4; ++i) {
    send(fd, "GET /broken-repeat HTTP/1.1\r\nHost: fob\r\n\r\n");
    EXPECT_THAT(receive(fd), HasSubstr("GET /broken-repeat "));
  }
  EXPECT_THAT(log_.str(), HasSubstr("a request failed: a bug; please report this"));
}

TEST_F(HttpServerTest, ClientsThatLeaveInTheMidstOfAnAnswerAreForgotten) {
  serve(k_roomy);
  for (const auto* request :
       {"GET /x HTTP/1.1\r\nHost: fob\r\n\r\n", "GET /hello HTTP/1.1\r\nHost: fob\r\n\r\n",
        "GET /page HTTP/1.1\r\nHost: fob\r\n\r\n", "nonsense\r\n\r\n",
        "POST /x HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
        "POST /x HTTP/1.1\r\nContent-Length: 2\r\n\r\nh"}) {
    auto fd = connect();
    send(fd, request);
    fd.reset();
    for (int turns = 0; turns < 1000 && server_->connections() > 0; ++turns)
      turn_for(std::chrono::milliseconds(1));
    EXPECT_EQ(server_->connections(), 0U) << request;
  }
  EXPECT_EQ(server_->traffic().page_readers, 0U);
  EXPECT_EQ(server_->traffic().event_streams, 0U);
  page_reader = nullptr;
}

TEST_F(HttpServerTest, WhoSendsOnAfterARefusalIsHeardForAWhileOnly) {
  serve(k_roomy);
  const auto fd = connect();
  send(fd, "GET /x HTTP/1.1\r\nX: " + std::string(wire::k_max_head, 'x'));
  EXPECT_THAT(receive(fd), StartsWith("HTTP/1.1 431"));
  const std::string much(64 * 1024, 'x');
  std::size_t taken = 0;
  for (int turns = 0; turns < 2000 && server_->connections() > 0; ++turns) {
    const ssize_t sent = ::send(fd.get(), much.data(), much.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) taken += static_cast<std::size_t>(sent);
    turn_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(server_->connections(), 0U);
  EXPECT_GE(taken, 1024U * 1024);
  EXPECT_LT(taken, 4U * 1024 * 1024);
}

TEST_F(HttpServerTest, WaitsForAReaderWhoTakesALongAnswerSlowly) {
  serve(k_roomy);
  const auto fd = connect();
  send(fd, "GET /big HTTP/1.1\r\nHost: fob\r\n\r\nGET /after HTTP/1.1\r\nHost: fob\r\n\r\n");
  std::string all;
  for (int turns = 0; turns < 2000 && all.find("GET /after") == std::string::npos; ++turns)
    all += receive(fd);
  EXPECT_EQ(std::count(all.begin(), all.end(), 'x'), 3'000'000);
  EXPECT_TRUE(all.ends_with("GET /after "));
}

TEST_F(HttpServerTest, AUserWithFewConnectionsKeepsThemWhereAnotherHasMany) {
  serve({.connections = 4, .connections_per_uid = 4});
  std::filesystem::permissions(directory_.path(), std::filesystem::perms(0755));
  std::filesystem::permissions(path(), std::filesystem::perms(0666));
  if (::seteuid(65534) != 0) GTEST_SKIP() << "to be somebody else is for root";
  const auto quiet = connect();
  ASSERT_EQ(::seteuid(0), 0);
  turn_for(std::chrono::milliseconds(2));
  std::vector<UniqueFd> crowd;
  for (int i = 0; i < 6; ++i) {
    crowd.push_back(connect());
    send(crowd.back(), "GET /x HTTP/1.1\r\nHost: fob\r\n\r\n");
    EXPECT_THAT(receive(crowd.back()), HasSubstr("GET /x")) << i;
  }
  EXPECT_FALSE(closed(quiet)) << "though it has been silent for longest";
  EXPECT_TRUE(closed(crowd.front()));
  EXPECT_EQ(server_->connections(), 4U);
}

TEST_F(HttpServerTest, TurnsAwayAnyoneWhereAllConnectionsAreInUse) {
  serve({.connections = 2, .connections_per_uid = 8, .streams_per_uid = 8});
  std::vector<UniqueFd> streams;
  for (int i = 0; i < 2; ++i) {
    streams.push_back(connect());
    send(streams.back(), "GET /stay HTTP/1.1\r\nHost: fob\r\n\r\n");
    receive(streams.back());
  }
  EXPECT_THAT(receive(connect()), StartsWith("HTTP/1.1 429"));
}

TEST_F(HttpServerTest, WaitsWithNewConnectionsWhileThereAreNoDescriptors) {
  if (!test::k_can_lack_descriptors) GTEST_SKIP() << "a sanitizer takes them too";
  serve(k_roomy);
  const auto fd = connect();
  send(fd, "GET /x HTTP/1.1\r\nHost: fob\r\n\r\n");
  std::optional<test::FewDescriptors> none(std::in_place);
  turn_for(std::chrono::milliseconds(20));
  EXPECT_EQ(server_->connections(), 0U);
  none.reset();
  EXPECT_THAT(log_.str(), HasSubstr("cannot accept connections: Too many open files"));
  EXPECT_THAT(receive(fd), HasSubstr("GET /x")) << "it was not lost";
}

TEST_F(HttpServerTest, GivesUpASilentConnectionWhereThereAreNoDescriptors) {
  if (!test::k_can_lack_descriptors) GTEST_SKIP() << "a sanitizer takes them too";
  serve(k_roomy);
  const auto silent = connect();
  turn_for(std::chrono::milliseconds(2));
  const auto fd = connect();
  send(fd, "GET /x HTTP/1.1\r\nHost: fob\r\n\r\n");
  std::optional<test::FewDescriptors> none(std::in_place);
  turn_for(std::chrono::milliseconds(20));
  none.reset();
  EXPECT_THAT(receive(fd), HasSubstr("GET /x"));
  EXPECT_TRUE(closed(silent));
}

class PageConnectionTest : public HttpServerTest {
 protected:
  void SetUp() override { serve(k_roomy); }
  void TearDown() override { page_reader = nullptr; }
  UniqueFd ask(const std::string& target = "/page") {
    auto fd = connect();
    send(fd, "GET " + target + " HTTP/1.1\r\nHost: fob\r\nConnection: Upgrade\r\nUpgrade: a-page\r\n\r\n");
    for (int turns = 0; turns < 1000 && server_->traffic().page_readers == 0; ++turns)
      turn_for(std::chrono::milliseconds(1));
    return fd;
  }
  // What lies there, with a descriptor or without.
  static std::pair<std::string, std::size_t> fetch(const UniqueFd& fd) {
    std::array<char, 4096> text{};
    const Received received = receive_with(fd.get(), text, MSG_DONTWAIT);
    if (received.size < 0) return {"", 0};
    return {{text.data(), static_cast<std::size_t>(received.size)}, received.fds.size()};
  }
};

TEST_F(PageConnectionTest, PassesTheDescriptorAndThenAByteForEachChange) {
  const auto fd = ask();
  EXPECT_EQ(server_->traffic().page_readers, 1U);
  const auto [head, descriptors] = fetch(fd);
  EXPECT_EQ(head,
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: a-page\r\n"
            "Cache-Control: no-store\r\nMore: of it\r\n\r\n");
  EXPECT_EQ(descriptors, 1U);
  ASSERT_NE(page_reader, nullptr);
  EXPECT_TRUE(page_reader->nudge());
  EXPECT_EQ(fetch(fd).first, "\n");
}

TEST_F(PageConnectionTest, SaysNothingMoreToWhoHasNotFetchedItsDescriptor) {
  const auto fd = ask();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(page_reader->nudge());
  EXPECT_TRUE(fetch(fd).first.ends_with("More: of it\r\n\r\n"));
  EXPECT_EQ(fetch(fd).first, "") << "what is new stands in the page, which is only now looked at";
}

TEST_F(PageConnectionTest, OfAReaderWhoTakesNoNudgesGoesOn) {
  const auto fd = ask();
  fetch(fd);
  int nudges = 0;
  for (; nudges < 100'000; ++nudges) ASSERT_TRUE(page_reader->nudge());
  std::size_t lying = 0;
  for (std::string text; !(text = fetch(fd).first).empty();) lying += text.size();
  EXPECT_GT(lying, 0U);
  EXPECT_LT(lying, 100'000U) << "there was no room for more, and nobody waited for it";
}

TEST_F(PageConnectionTest, EndsWithItsReader) {
  auto fd = ask();
  fetch(fd);
  const EventSinkPtr kept = page_reader;
  fd.reset();
  for (int turns = 0; turns < 1000 && server_->connections() > 0; ++turns)
    turn_for(std::chrono::milliseconds(1));
  EXPECT_EQ(server_->connections(), 0U);
  EXPECT_FALSE(kept->nudge());
}

TEST_F(PageConnectionTest, IsKeptAndCountsUntilItsDescriptorIsFetched) {
  const auto fd = ask("/short-page");
  turn_for(std::chrono::milliseconds(50));
  EXPECT_EQ(server_->connections(), 1U) << "though there is nothing more to say";
  EXPECT_EQ(server_->traffic().page_readers, 1U);
  EXPECT_EQ(fetch(fd).second, 1U);
  for (int turns = 0; turns < 3000 && server_->connections() > 0; ++turns)
    turn_for(std::chrono::milliseconds(1));
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(PageConnectionTest, ThatIsNotFetchedDoesNotHoldUpADrain) {
  const auto fd = ask("/short-page");
  server_->drain();
  for (int turns = 0; turns < 3000 && server_->connections() > 0; ++turns)
    turn_for(std::chrono::milliseconds(1));
  EXPECT_EQ(server_->connections(), 0U);
}

}  // namespace
}  // namespace fob::broker
