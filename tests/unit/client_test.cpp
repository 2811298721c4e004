#include "ipc/client/client.hpp"

#include "ipc/wire/limits.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/unit/client_fake_fobd.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/fsuid.h>
#include <unistd.h>

namespace fob::client {
namespace {

using std::chrono::milliseconds;
using test::FakeFobd;
using test::http_answer;

constexpr milliseconds k_long = std::chrono::seconds(20);
constexpr milliseconds k_short{30};

bool has_systemd() { return std::filesystem::exists("/run/systemd/system"); }

class ClientOfFobd : public ::testing::Test {
 protected:
  Result<HttpAnswer> get(milliseconds within = k_long) {
    return client_.request({Verb::get, "/x", ""}, within);
  }

  test::TempDirectory directory_;
  const std::filesystem::path socket_ = directory_.path() / "fob.sock";
  SystemClock clock_;
  const Client client_{socket_, clock_, "ask the owner of the socket"};
};

TEST_F(ClientOfFobd, SendsExactlyThisForAGet) {
  const FakeFobd fobd(socket_, http_answer(200, "{}"));
  ASSERT_TRUE(client_.request({Verb::get, "/v1/token?wait=5.000", "", "text/plain"}, k_long));
  EXPECT_EQ(
      fobd.requests().at(0),
      "GET /v1/token?wait=5.000 HTTP/1.1\r\nHost: fob\r\nAccept: text/plain\r\nConnection: close\r\n\r\n");
}

TEST_F(ClientOfFobd, SendsExactlyThisForAPost) {
  const FakeFobd fobd(socket_, http_answer(200, "{}"));
  ASSERT_TRUE(client_.request({Verb::post, "/v1/refresh", R"({"profile":"p"})"}, k_long));
  EXPECT_EQ(fobd.requests().at(0),
            "POST /v1/refresh HTTP/1.1\r\nHost: fob\r\nAccept: application/json\r\nConnection: close\r\n"
            "Content-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"profile\":\"p\"}");
}

TEST_F(ClientOfFobd, GivesAnyAnswerAsItIs) {
  const FakeFobd fobd(socket_, http_answer(503, "{\"a\":1}", "Retry-After: 3\r\n"));
  const auto answer = get();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(answer->body, "{\"a\":1}");
  EXPECT_EQ(answer->retry_after, std::chrono::seconds(3));
}

TEST_F(ClientOfFobd, TakesAnswersOfTheLargestSize) {
  const FakeFobd fobd(socket_, http_answer(200, std::string(wire::k_max_answer, 'x')));
  const auto answer = get();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body.size(), wire::k_max_answer);
}

TEST_F(ClientOfFobd, RefusesALargerOne) {
  const FakeFobd fobd(socket_, http_answer(200, std::string(wire::k_max_answer + 1, 'x')));
  const auto answer = get();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::internal);
}

TEST_F(ClientOfFobd, RefusesGarbage) {
  const FakeFobd fobd(socket_, std::string("220 mail.example.com ESMTP\r\n"));
  const auto answer = get();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::internal);
}

TEST_F(ClientOfFobd, SaysThatFobdHungUp) {
  const FakeFobd fobd(socket_, std::string());
  const auto answer = get();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::daemon_not_running);
  EXPECT_NE(answer.error().detail.find("before it had answered"), std::string::npos);
}

TEST_F(ClientOfFobd, SaysHowToStartFobdWhereThereIsNoSocket) {
  const auto answer = get();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::daemon_not_running);
  EXPECT_EQ(answer.error().detail,
            "fobd is not running (no one answers at " + socket_.string() + "); start it: " +
                (has_systemd() ? "systemctl --user start fob, or by hand: " : "") + "fobd --config FILE");
}

TEST(Client, LeavesTheDevicesFobdToSystemd) {
  if (std::filesystem::exists("/run/fob")) GTEST_SKIP() << "fob is installed here";
  const SystemClock clock;
  const auto answer = Client("/run/fob/fob.sock", clock, "").request({Verb::get, "/healthz", ""}, k_long);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().detail,
            std::string("fobd is not running (no one answers at /run/fob/fob.sock); start it: ") +
                (has_systemd() ? "systemctl start fob" : "fobd --config FILE"));
}

TEST_F(ClientOfFobd, TakesASocketThatNobodyListensAtForNoDaemon) {
  test::listen_at(socket_).reset();
  ASSERT_TRUE(std::filesystem::exists(socket_));
  const auto answer = get();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::daemon_not_running);
}

TEST_F(ClientOfFobd, SaysWhatToDoWhereTheKernelForbidsIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become someone else for a moment";
  const FakeFobd fobd(socket_, http_answer(200, "{}"));
  ::setfsuid(65534);  // of this thread only, with its rights over files
  const auto answer = get();
  ::setfsuid(0);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::not_granted);
  EXPECT_EQ(answer.error().detail,
            "this user may not use " + socket_.string() + "; ask the owner of the socket");
}

TEST_F(ClientOfFobd, RefusesAPathNoSocketCanHave) {
  const auto path = directory_.path() / std::string(120, 'd') / "fob.sock";
  const auto answer = Client(path, clock_, "").request({Verb::get, "/x", ""}, k_long);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::config);
}

TEST_F(ClientOfFobd, GivesUpOnOneThatNeverAccepts) {
  const UniqueFd listener = test::listen_at(socket_);
  const auto answer = get(k_short);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::timeout);
}

TEST_F(ClientOfFobd, GivesUpWhereThereIsNoRoomToConnect) {
  const UniqueFd listener = test::listen_at(socket_, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket_.c_str(), sizeof address.sun_path - 1);
  std::vector<UniqueFd> crowd;
  do crowd.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  while (::connect(crowd.back().get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ASSERT_EQ(errno, EAGAIN);
  const auto answer = get(k_short);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::timeout);
}

TEST_F(ClientOfFobd, GivesUpOnAnAnswerThatStopsHalfway) {
  const UniqueFd listener = test::listen_at(socket_);
  UniqueFd connection;
  std::thread halfway([&] {
    connection.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const std::string_view half = "HTTP/1.1 200 OK\r\nContent-Le";
    ::send(connection.get(), half.data(), half.size(), MSG_NOSIGNAL);
  });
  const auto answer = get(k_short);
  halfway.join();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::timeout);
}

TEST_F(ClientOfFobd, GivesUpWhereNobodyReadsWhatItSends) {
  const UniqueFd listener = test::listen_at(socket_);
  const auto answer = client_.request({Verb::post, "/x", std::string(4 << 20, 'x')}, k_short);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::timeout);
}

TEST_F(ClientOfFobd, DemandsA200AndTakesAProblemForItsCodeAndDetail) {
  const FakeFobd fobd(socket_,
                      http_answer(503,
                                  R"({"type":"urn:fob:authority-unreachable","title":"t","status":503,)"
                                  R"("detail":"no route to the authority"})",
                                  "Retry-After: 4\r\n"));
  const auto answer = client_.demand({Verb::get, "/x", ""}, k_long);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::unreachable);
  EXPECT_EQ(answer.error().detail, "no route to the authority (worth another try in 4 s)");
}

TEST_F(ClientOfFobd, SaysSomethingWhereAProblemSaysNothing) {
  const FakeFobd fobd(socket_, http_answer(404, R"({"type":"urn:fob:unknown-profile"})"));
  const auto answer = client_.demand({Verb::get, "/x", ""}, k_long);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::unknown_profile);
  EXPECT_EQ(answer.error().detail, "There is no such profile");
}

TEST_F(ClientOfFobd, TakesAnythingElseForAnInternalError) {
  const FakeFobd fobd(socket_, http_answer(500, "<html>"));
  const auto answer = client_.demand({Verb::get, "/x", ""}, k_long);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::internal);
}

}  // namespace
}  // namespace fob::client
