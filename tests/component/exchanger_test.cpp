// The built fob-exchange as fobd starts it: a line in, a line out. The authority is a socket on loopback that
// answers with fixed bytes over plain http, so that what goes over the wire can be compared byte for byte.
#include "daemon/store/open_store.hpp"
#include "ipc/base/unique_fd.hpp"
#include "ipc/wire/exchange_line.hpp"
#include "ipc/wire/json.hpp"
#include "ipc/wire/probe_line.hpp"
#include "tests/support/temp_directory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <fcntl.h>
#include <fstream>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sched.h>
#include <spawn.h>
#include <stdexcept>
#include <string>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace fob::exchanger {
namespace {

using wire::ExchangeFailure;
using wire::ExchangeSuccess;

constexpr std::string_view k_secret = "5e884898da28047151d0e56f8dc62927";
constexpr const char* k_request = R"({"v":1,"profile":"prod","slot":"current"})"
                                  "\n";

std::string read_all_of(int fd) {
  std::string all;
  std::array<char, 4096> chunk{};
  for (ssize_t n = 0; (n = ::read(fd, chunk.data(), chunk.size())) > 0;)
    all.append(chunk.data(), static_cast<std::size_t>(n));
  return all;
}

struct Outcome {
  int status = -1;
  std::string out, err;
};

// Runs the program to its end with `input` as stdin.
Outcome run(const std::vector<std::string>& arguments, const std::string& input,
            const std::vector<std::string>& environment = {}) {
  std::array<std::array<int, 2>, 3> pipes{};
  for (auto& pipe : pipes)
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  UniqueFd in_read(pipes[0][0]), in_write(pipes[0][1]), out_read(pipes[1][0]), out_write(pipes[1][1]),
      err_read(pipes[2][0]), err_write(pipes[2][1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in_read.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out_write.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err_write.get(), STDERR_FILENO);

  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (auto& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
  };
  std::vector<std::string> words = {FOB_EXCHANGE};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = environment;
  auto argv = pointers(words);
  auto envp = pointers(variables);
  pid_t pid = 0;
  if (::posix_spawn(&pid, FOB_EXCHANGE, &actions, nullptr, argv.data(), envp.data()) != 0)
    throw std::runtime_error("posix_spawn");
  posix_spawn_file_actions_destroy(&actions);
  in_read.reset();
  out_write.reset();
  err_write.reset();
  if (::write(in_write.get(), input.data(), input.size()) < 0) throw std::runtime_error("write");
  in_write.reset();

  Outcome result;
  result.out = read_all_of(out_read.get());
  result.err = read_all_of(err_read.get());
  int status = 0;
  ::waitpid(pid, &status, 0);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

// Takes one connection, reads one request, sends fixed bytes and hangs up.
class OneAnswer {
 public:
  struct Manner {
    std::string heard = "\r\n\r\n{}";  ///< what a whole request ends with; "": whatever comes
    bool resets = false;               ///< hangs up as a host does that has crashed
  };
  explicit OneAnswer(std::string answer) : OneAnswer(std::move(answer), Manner()) {}
  OneAnswer(std::string answer, Manner manner)
      : manner_(std::move(manner)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), 4) != 0 ||
        ::getsockname(listener_.get(), generic, &size) != 0)
      throw std::runtime_error("no loopback socket");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, bytes = std::move(answer)] { serve(bytes); });
  }
  ~OneAnswer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  OneAnswer(const OneAnswer&) = delete;
  OneAnswer& operator=(const OneAnswer&) = delete;

  std::string port() const { return std::to_string(port_); }
  std::string url() const { return "http://127.0.0.1:" + port() + "/v1/m2m/token"; }
  /// What was received, once the program has ended.
  std::string request() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
    thread_ = std::thread([] {});
    return request_;
  }

 private:
  void serve(const std::string& answer) {
    const UniqueFd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!peer) return;
    std::array<char, 4096> chunk{};
    while (request_.empty() || request_.find(manner_.heard) == std::string::npos) {
      const ssize_t n = ::read(peer.get(), chunk.data(), chunk.size());
      if (n <= 0) return;
      request_.append(chunk.data(), static_cast<std::size_t>(n));
    }
    for (std::string_view rest = answer; !rest.empty();) {
      const ssize_t n = ::send(peer.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
    if (!manner_.resets) return;
    // What was sent is to be read before the end of it is heard of.
    for (int unread = 1; unread > 0 && ::ioctl(peer.get(), SIOCOUTQ, &unread) == 0;) ::sched_yield();
    const linger at_once{1, 0};
    ::setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }

  Manner manner_;
  UniqueFd listener_;
  unsigned port_ = 0;
  std::string request_;
  std::thread thread_;
};

std::string http(const std::string& status, const std::string& body, const std::string& headers = "") {
  return "HTTP/1.1 " + status +
         "\r\nDate: Sat, 31 Jan 2026 12:00:00 GMT\r\nContent-Type: application/json\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
}

class ExchangerTest : public testing::Test {
 protected:
  void configure(const std::string& text) {
    std::ofstream(file_) << text;
    ::chmod(file_.c_str(), 0600);
  }
  void configure_for(const OneAnswer& authority) {
    configure("[profile.prod]\nendpoint = \"" + authority.url() + "\"\nscopes = [\"query\"]\n");
  }
  void enrol() {
    const SystemClock clock;
    const auto store = store::open_store({}, {{}, {}, state_}, {config::StoreKind::file, false, ""}, clock);
    const auto version = store->stage("prod", {"some-id", SecretBytes::copy_of(k_secret)}, {});
    ASSERT_TRUE(version);
    ASSERT_TRUE(store->commit("prod", *version, store::Proof::accepted));
  }
  Outcome ask(const std::string& input = k_request, const std::vector<std::string>& environment = {}) {
    auto result = run({"--config", file_.string(), "--state-dir", state_.string()}, input, environment);
    EXPECT_EQ(result.status, 0);
    EXPECT_EQ(result.err, "");
    EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1) << result.out;
    EXPECT_EQ(result.out.find(k_secret), std::string::npos);
    return result;
  }
  static wire::ExchangeAnswer decoded(const Outcome& outcome) {
    return wire::decode_exchange_answer(outcome.out.substr(0, outcome.out.find('\n'))).value();
  }
  static void expect_failure(const Outcome& outcome, ErrorCode code, const std::string& words) {
    const auto answer = decoded(outcome);
    const auto* failure = std::get_if<ExchangeFailure>(&answer);
    ASSERT_NE(failure, nullptr) << outcome.out;
    EXPECT_EQ(traits(failure->code).kind, traits(code).kind) << failure->detail;
    EXPECT_NE(failure->detail.find(words), std::string::npos) << failure->detail;
  }

  test::TempDirectory directory_;
  std::filesystem::path file_ = directory_.path() / "fob.toml";
  std::filesystem::path state_ = directory_.path() / "state";
};

TEST_F(ExchangerTest, ExchangesTheCredentialForAToken) {
  OneAnswer authority(http("200 OK", R"({"token":"abc","expiresOn":"2026-01-31T12:05:00Z"})"));
  configure_for(authority);
  enrol();
  const auto answer = decoded(ask());
  const auto* success = std::get_if<ExchangeSuccess>(&answer);
  ASSERT_NE(success, nullptr);
  EXPECT_EQ(success->access_token, "abc");
  EXPECT_EQ(success->expires_in, std::chrono::seconds(299));
  EXPECT_EQ(success->credential_version, 1U);
  EXPECT_LE(success->started_boottime, SystemClock().boot_now().time_since_epoch());
}

TEST_F(ExchangerTest, SendsExactlyTheRequestThatTheAuthorityWants) {
  OneAnswer authority(http("401 Unauthorized", "{}"));
  configure_for(authority);
  enrol();
  ask();
  EXPECT_EQ(authority.request(),
            "POST /v1/m2m/token HTTP/1.1\r\nHost: 127.0.0.1:" + authority.port() +
                "\r\nUser-Agent: fob-exchange/" FOB_VERSION
                "\r\nAuthorization: Basic c29tZS1pZDo1ZTg4NDg5OGRhMjgwNDcxNTFkMGU1NmY4ZGM2MjkyNw==\r\n"
                "Content-Type: application/json\r\nAccept: application/json\r\n"
                "Content-Length: 2\r\n\r\n{}");
}

TEST_F(ExchangerTest, EachFailureOfTheAuthorityHasItsKind) {
  struct Case {
    std::string answer;
    ErrorCode code;
    std::string words;
  };
  const std::string cut = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"token\":\"abc\"";
  std::string many_lines;
  while (many_lines.size() < 70'000) many_lines += "X-Filler: " + std::string(100, 'x') + "\r\n";
  for (const Case& one :
       {Case{http("401 Unauthorized", R"({"error":"no"})"), ErrorCode::rejected,
             "fob credential rotate prod"},
        Case{http("403 Forbidden", ""), ErrorCode::forbidden, "forbids"},
        Case{http("429 Too Many", "", "Retry-After: 7\r\n"), ErrorCode::rate_limited, "fewer"},
        Case{http("302 Found", "", "Location: /elsewhere\r\n"), ErrorCode::bad_answer, "not followed"},
        Case{http("200 OK", "<html>"), ErrorCode::bad_answer, "portal"},
        Case{http("200 OK", std::string(70'000, ' ')), ErrorCode::bad_answer, "more than a token"},
        Case{"HTTP/1.1 200 OK\r\n\r\n" + std::string(70'000, ' '), ErrorCode::bad_answer,
             "more than a token"},
        Case{"HTTP/1.1 200 OK\r\nX: " + std::string(400'000, 'x'), ErrorCode::bad_answer,
             "more than a token"},
        Case{"HTTP/1.1 200 OK\r\n" + many_lines, ErrorCode::bad_answer, "more than a token"},
        Case{cut, ErrorCode::bad_answer, "broke off"},
        Case{"SSH-2.0-OpenSSH\r\n", ErrorCode::bad_answer, "HTTP"},
        Case{"", ErrorCode::unreachable, "without an answer"}}) {
    OneAnswer authority(one.answer);
    configure_for(authority);
    enrol();
    expect_failure(ask(), one.code, one.words);
  }
}

TEST_F(ExchangerTest, NobodyAtTheEndpointIsUnreachable) {
  std::string url;
  {
    const OneAnswer gone("");
    url = gone.url();
  }
  configure("[profile.prod]\nendpoint = \"" + url + "\"\n");
  enrol();
  expect_failure(ask(), ErrorCode::unreachable, "no connection to 127.0.0.1");
}

TEST_F(ExchangerTest, TheEnvironmentHasNoSay) {
  OneAnswer authority(http("200 OK", R"({"token":"abc","expires_in":300})"));
  configure_for(authority);
  enrol();
  const auto keylog = (directory_.path() / "keylog").string();
  const auto answer = decoded(ask(k_request, {"http_proxy=http://127.0.0.1:1", "ALL_PROXY=http://127.0.0.1:1",
                                              "SSLKEYLOGFILE=" + keylog, "OPENSSL_CONF=/nonexistent"}));
  EXPECT_TRUE(std::holds_alternative<ExchangeSuccess>(answer));
  EXPECT_FALSE(std::filesystem::exists(keylog));
}

TEST_F(ExchangerTest, AConfiguredProxyNeverSeesAPlainHttpRequest) {
  OneAnswer authority(http("200 OK", R"({"token":"abc","expires_in":300})"));
  OneAnswer proxy(http("200 OK", R"({"token":"stolen","expires_in":300})"));
  configure("[profile.prod]\nendpoint = \"" + authority.url() +
            "\"\nproxy = \"http://127.0.0.1:" + proxy.port() + "\"\n");
  enrol();
  const auto answer = decoded(ask());
  ASSERT_TRUE(std::holds_alternative<ExchangeSuccess>(answer));
  EXPECT_EQ(std::get<ExchangeSuccess>(answer).access_token, "abc");
  EXPECT_EQ(proxy.request(), "");
}

TEST_F(ExchangerTest, ARequestThatIsNoneIsAnsweredToo) {
  for (const std::string input :
       {"", "\n", "hello\n", "{\"v\":2,\"profile\":\"prod\",\"slot\":\"current\"}\n",
        "{\"v\":1,\"profile\":\"../prod\",\"slot\":\"current\"}\n"})
    expect_failure(ask(input), ErrorCode::config, "does not understand the request");
  expect_failure(ask(std::string(5000, 'a')), ErrorCode::config, "longer than 1024 bytes");
}

TEST_F(ExchangerTest, WrongOrMissingConfigurationIsSaid) {
  expect_failure(ask(), ErrorCode::config, file_.string());
  configure("[profile.prod]\nendpoint = \"http://auth.example/\"\n");
  expect_failure(ask(), ErrorCode::config, "in clear");
  configure("[profile.other]\n");
  expect_failure(ask(), ErrorCode::config, "there is no [profile.prod]");
  configure("[profile.prod]\nca_file = \"/nonexistent/ca.pem\"\n");
  expect_failure(ask(), ErrorCode::config, "/nonexistent/ca.pem");
}

TEST_F(ExchangerTest, ACaFileWithoutACertificateIsConfiguration) {
  const OneAnswer authority("");
  enrol();
  configure("[profile.prod]\nendpoint = \"https://127.0.0.1:" + authority.port() +
            "/\"\nca_file = \"fob.toml\"\n");
  expect_failure(ask(), ErrorCode::config, "holds no CA certificate");
}

TEST_F(ExchangerTest, WithoutACredentialItSaysHowToEnrol) {
  configure("[profile.prod]\n");
  expect_failure(ask(), ErrorCode::no_credential, "run: fob credential add prod");
}

TEST_F(ExchangerTest, AStoreThatCannotBeReadIsLocked) {
  configure("[profile.prod]\n");
  enrol();
  std::filesystem::remove(state_ / "keys" / "vault.key");
  expect_failure(ask(), ErrorCode::store_locked, "vault.key is gone");
  ::chmod((state_ / "vault").c_str(), 0755);
  expect_failure(ask(), ErrorCode::store_locked, "chmod 700");
}

TEST_F(ExchangerTest, TellsItsVersionAndItsUsage) {
  const auto version = run({"--version"}, "");
  EXPECT_EQ(version.status, 0);
  EXPECT_EQ(version.out, "fob-exchange " FOB_VERSION "\n");
  const auto help = run({"--help"}, "");
  EXPECT_EQ(help.status, 0);
  EXPECT_NE(help.out.find("--state-dir"), std::string::npos);
  const auto wrong = run({"--frobnicate"}, "");
  EXPECT_EQ(wrong.status, 2);
  EXPECT_EQ(wrong.out, "");
}

TEST_F(ExchangerTest, AConnectionThatIsResetIsNoAnswer) {
  OneAnswer crashed("", {"\r\n\r\n{}", true});
  configure_for(crashed);
  enrol();
  expect_failure(ask(), ErrorCode::unreachable, "ended the connection without an answer");
}

TEST_F(ExchangerTest, WhatSpeaksNoTlsIsSaidToSpeakNone) {
  OneAnswer plain("HTTP/1.1 400 Bad Request\r\n\r\n", {"", false}), mute("", {"", true});
  enrol();
  configure("[profile.prod]\nendpoint = \"https://127.0.0.1:" + plain.port() + "/\"\n");
  expect_failure(ask(), ErrorCode::tls, "does not speak TLS 1.2 or newer");
  configure("[profile.prod]\nendpoint = \"https://127.0.0.1:" + mute.port() + "/\"\n");
  expect_failure(ask(), ErrorCode::unreachable, "ended the connection without an answer");
}

TEST_F(ExchangerTest, AProxyThatRefusesIsNamed) {
  OneAnswer proxy("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", {"\r\n\r\n", false});
  enrol();
  configure("[profile.prod]\nendpoint = \"https://auth.example/\"\nproxy = \"http://127.0.0.1:" +
            proxy.port() + "\"\n");
  expect_failure(ask(), ErrorCode::unreachable, "the proxy refuses to connect us to auth.example");
  EXPECT_EQ(proxy.request().substr(0, 29), "CONNECT auth.example:443 HTTP");
  EXPECT_EQ(proxy.request().find("Authorization"), std::string::npos) << "the credential is not for it";
}

class ExchangerProbeTest : public ExchangerTest {
 protected:
  wire::Probe probe() {
    const auto result =
        run({"--probe", "prod", "--config", file_.string(), "--state-dir", state_.string()}, "");
    EXPECT_EQ(result.status, 0) << result.err;
    const auto found = wire::decode_probe(result.out.substr(0, result.out.find('\n')));
    EXPECT_TRUE(found) << result.out;
    return found ? *found : wire::Probe{};
  }
};

TEST_F(ExchangerProbeTest, TellsTheAuthoritysTimeAndAsksForNoToken) {
  OneAnswer authority("HTTP/1.1 405 Not Allowed\r\nDate: Sat, 31 Jan 2026 12:00:00 GMT\r\n\r\n",
                      {"\r\n\r\n", false});
  configure_for(authority);
  const auto found = probe();
  EXPECT_EQ(found.status, 405);
  EXPECT_EQ(found.authority_time,
            std::chrono::sys_days{std::chrono::year{2026} / 1 / 31} + std::chrono::hours(12));
  EXPECT_FALSE(found.trusted_until) << "there is no certificate";
  EXPECT_TRUE(authority.request().starts_with("HEAD /v1/m2m/token HTTP/1.1\r\n")) << authority.request();
  EXPECT_EQ(authority.request().find("Authorization"), std::string::npos);
}

TEST_F(ExchangerProbeTest, WithoutADateTellsNoTime) {
  OneAnswer authority("HTTP/1.1 200 OK\r\n\r\n", {"\r\n\r\n", false});
  configure_for(authority);
  const auto found = probe();
  EXPECT_EQ(found.status, 200);
  EXPECT_FALSE(found.authority_time || found.clock_skew);
}

TEST_F(ExchangerProbeTest, NamesTheStepThatFails) {
  std::string url;
  {
    const OneAnswer gone("");
    url = gone.url();
  }
  configure("[profile.prod]\nendpoint = \"" + url + "\"\n");
  EXPECT_EQ(probe().failure->step, wire::ProbeStep::connection);
  configure("[profile.other]\n");
  EXPECT_EQ(probe().failure->step, wire::ProbeStep::configuration);
}

}  // namespace
}  // namespace fob::exchanger
