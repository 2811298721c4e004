// The built fob-exchange as systemd starts it: with a listening socket as descriptor 3, and variables that
// say so. There is no credential, so that every answer says how far it came.
#include "ipc/base/line.hpp"
#include "ipc/base/unique_fd.hpp"
#include "ipc/transport/unix_listener.hpp"
#include "ipc/wire/exchange_line.hpp"
#include "tests/support/temp_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <fcntl.h>
#include <fstream>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fob::exchanger {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

// Long enough for a sanitizer's build on a busy machine.
constexpr std::chrono::seconds k_patience{60};

std::string request_for(const std::string& profile) {
  return encode(wire::ExchangeRequest{profile, wire::Slot::current});
}

class ActivationTest : public testing::Test {
 protected:
  ActivationTest() {
    std::ofstream(config_) << "[profile.prod]\nscopes = [\"query\"]\n\n[profile.other]\nscopes = "
                              "[\"query\"]\n";
    ::chmod(config_.c_str(), 0600);
    listener_ = transport::listen_at(socket_, {0600, std::nullopt}).value();
  }

  // A connection of ours that is pending, with its line sent.
  UniqueFd ask(const std::string& line) {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_.string().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_TRUE(write_line(fd.get(), line));
    return fd;
  }

  // Starts it with `third` as descriptor 3; `count` is LISTEN_FDS.
  void start(int third, const std::string& count, std::vector<std::string> options = {"--profile", "prod"}) {
    std::vector<std::string> words = {FOB_EXCHANGE, "--config", config_.string(), "--state-dir",
                                      (directory_.path() / "state").string()};
    words.insert(words.end(), options.begin(), options.end());
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const std::string log = log_.string();
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::dup2(::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
    ::dup2(third, 3);
    ::fcntl(3, F_SETFD, 0);
    ::close(4);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", count.c_str(), 1);
    ::execv(argv[0], argv.data());
    std::_Exit(127);
  }

  int end() const {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::string log() const {
    std::ifstream file(log_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  static wire::ExchangeFailure failure_on(const UniqueFd& connection) {
    const auto line = read_line(connection.get(), 10000, k_patience);
    if (!line) throw std::runtime_error(line.error().detail);
    const auto answer = wire::decode_exchange_answer(*line);
    if (!answer) throw std::runtime_error(*line);
    return std::get<wire::ExchangeFailure>(*answer);
  }

  test::TempDirectory directory_;
  std::filesystem::path config_ = directory_.path() / "fob.toml";
  std::filesystem::path socket_ = directory_.path() / "prod.sock";
  std::filesystem::path log_ = directory_.path() / "log";
  UniqueFd listener_;
  pid_t pid_ = -1;
};

const std::string k_me = std::to_string(::geteuid());

TEST_F(ActivationTest, ServesWhatIsPendingOneAfterTheOtherAndEnds) {
  const UniqueFd first = ask(request_for("prod"));
  const UniqueFd second = ask(request_for("prod"));
  start(listener_.get(), "1", {"--profile", "prod", "--for-user", k_me});
  EXPECT_EQ(failure_on(first).code, ErrorCode::no_credential);
  EXPECT_EQ(failure_on(second).code, ErrorCode::no_credential);
  EXPECT_EQ(end(), 0);
  EXPECT_EQ(log(), "");
}

TEST_F(ActivationTest, ServesASecondThatComesAtOnce) {
  const UniqueFd first = ask(request_for("prod"));
  start(listener_.get(), "1", {"--for-user", k_me});
  EXPECT_EQ(failure_on(first).code, ErrorCode::no_credential);
  EXPECT_EQ(failure_on(ask(request_for("other"))).code, ErrorCode::no_credential);
  EXPECT_EQ(end(), 0);
}

TEST_F(ActivationTest, IsForItsProfileOnly) {
  const UniqueFd other = ask(request_for("other"));
  start(listener_.get(), "1", {"--profile", "prod", "--for-user", k_me});
  const auto failure = failure_on(other);
  EXPECT_EQ(failure.code, ErrorCode::config);
  EXPECT_EQ(failure.detail, "this exchanger is for prod only");
  EXPECT_EQ(end(), 0);
}

TEST_F(ActivationTest, NonsenseIsAnsweredAndCostsNobodyElseAnything) {
  const UniqueFd nonsense = ask("hello");
  const UniqueFd flood = ask(std::string(5000, 'x'));
  const UniqueFd good = ask(request_for("prod"));
  start(listener_.get(), "1", {"--for-user", k_me});
  EXPECT_EQ(failure_on(nonsense).code, ErrorCode::config);
  EXPECT_THAT(failure_on(flood).detail, HasSubstr("longer than 1024 bytes"));
  EXPECT_EQ(failure_on(good).code, ErrorCode::no_credential);
  EXPECT_EQ(end(), 0);
}

TEST_F(ActivationTest, OneWhoIsGoneCostsNobodyElseAnything) {
  { const UniqueFd gone = ask(request_for("prod")); }
  const UniqueFd good = ask(request_for("prod"));
  start(listener_.get(), "1", {"--for-user", k_me});
  EXPECT_EQ(failure_on(good).code, ErrorCode::no_credential);
  EXPECT_EQ(end(), 0);
}

TEST_F(ActivationTest, EndsWhereNobodyAsks) {
  start(listener_.get(), "1");
  EXPECT_EQ(end(), 0);
}

TEST_F(ActivationTest, AUserWhoMayNotAskIsNotAnswered) {
  if (::geteuid() != 0) GTEST_SKIP() << "to ask as another takes root";
  UniqueFd stranger;
  {
    ASSERT_EQ(::chmod(socket_.c_str(), 0666), 0);
    ASSERT_EQ(::chmod(directory_.path().c_str(), 0711), 0);
    ASSERT_EQ(::seteuid(65534), 0);
    stranger = ask(request_for("prod"));
    ASSERT_EQ(::seteuid(0), 0);
  }
  start(listener_.get(), "1", {"--for-user", "4242"});
  EXPECT_FALSE(read_line(stranger.get(), 1000, k_patience)) << "closed with the question unread";
  EXPECT_EQ(end(), 0);
  EXPECT_THAT(log(), HasSubstr("user 65534 (process "));
}

TEST_F(ActivationTest, WhatIsNotOneListeningSocketIsAFailedStart) {
  start(listener_.get(), "2");
  EXPECT_EQ(end(), 1);
  EXPECT_THAT(log(), HasSubstr("LISTEN_FDS promises"));
  const UniqueFd file(::open("/dev/null", O_RDWR | O_CLOEXEC));
  start(file.get(), "1");
  EXPECT_EQ(end(), 1);
  EXPECT_THAT(log(), HasSubstr("is not a listening Unix stream socket"));
  start(listener_.get(), "one");
  EXPECT_EQ(end(), 1);
  EXPECT_THAT(log(), HasSubstr("LISTEN_FDS is no number"));
}

TEST_F(ActivationTest, AUserWhomNobodyKnowsIsAFailedStart) {
  start(listener_.get(), "1", {"--for-user", "no-such-user"});
  EXPECT_EQ(end(), 1);
  EXPECT_THAT(log(), HasSubstr("there is no user no-such-user"));
}

TEST_F(ActivationTest, WhatIsNoProfileIsAWrongCommandLine) {
  start(listener_.get(), "1", {"--profile", "../prod"});
  EXPECT_EQ(end(), 2);
}

}  // namespace
}  // namespace fob::exchanger
