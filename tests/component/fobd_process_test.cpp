// The built fobd as systemd starts it: sockets and what a predecessor left as descriptors, and variables that
// say so. What it says from its first word to its last, and how it refuses a start that makes no sense.
#include "daemon/config/locations.hpp"
#include "ipc/base/error.hpp"
#include "ipc/base/sealed_file.hpp"
#include "ipc/transport/unix_listener.hpp"
#include "tests/support/fake_manager.hpp"
#include "tests/support/temp_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <sys/stat.h>
#include <sys/wait.h>

namespace fob::broker {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class FobdProcessTest : public ::testing::Test {
 protected:
  FobdProcessTest() {
    configure("[profile.p]\nendpoint = \"https://127.0.0.1:1/\"\n");
    std::filesystem::create_directories(at_.runtime_dir);
  }
  ~FobdProcessTest() override {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  }

  void configure(const std::string& text) const {
    std::ofstream(at_.config_file) << text;
    ::chmod(at_.config_file.c_str(), 0600);
  }
  static HandedDescriptor listening(const std::filesystem::path& socket) {
    return {transport::listen_at(socket, {0600, std::nullopt}).value(), "fob.socket"};
  }
  std::vector<HandedDescriptor> both_sockets() const {
    std::vector<HandedDescriptor> both;
    both.push_back(listening(at_.app_socket()));
    both.push_back(listening(at_.control_socket()));
    return both;
  }

  // With `handed` from descriptor 3 on; of the variables "SELF" is its own pid.
  void start(const std::vector<HandedDescriptor>& handed, std::map<std::string, std::string> variables = {},
             std::vector<std::string> more = {}) {
    std::vector<std::string> words = {FOB_FOBD,        "--config",    at_.config_file, "--runtime-dir",
                                      at_.runtime_dir, "--state-dir", at_.state_dir};
    words.insert(words.end(), more.begin(), more.end());
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    std::string names;
    for (const auto& one : handed) names += (names.empty() ? "" : ":") + one.name;
    if (!handed.empty()) {
      variables.try_emplace("LISTEN_PID", "SELF");
      variables.try_emplace("LISTEN_FDS", std::to_string(handed.size()));
      variables.try_emplace("LISTEN_FDNAMES", names);
    }
    const std::string log = log_.string();
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::alarm(120);  // it must not outlive a test that fails
    ::dup2(::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
    std::vector<int> high;
    for (const auto& one : handed) high.push_back(::fcntl(one.fd.get(), F_DUPFD, 100));
    int place = 3;
    for (const int fd : high) ::dup2(fd, place++);
    ::close_range(static_cast<unsigned>(place), ~0U, 0);
    for (const auto& [name, value] : variables)
      ::setenv(name.c_str(), value == "SELF" ? std::to_string(::getpid()).c_str() : value.c_str(), 1);
    ::execv(argv[0], argv.data());
    std::_Exit(127);
  }
  int end() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string log() const {
    std::ifstream file(log_);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // What an app is answered.
  std::string asked(const std::string& request) const {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    at_.app_socket().string().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    std::string answer;
    std::array<char, 4096> chunk{};
    for (ssize_t n = 0; (n = ::recv(fd.get(), chunk.data(), chunk.size(), 0)) > 0;)
      answer.append(chunk.data(), static_cast<std::size_t>(n));
    return answer;
  }

  test::TempDirectory directory_;
  test::FakeManager manager_;
  config::Locations at_{directory_.path() / "fob.toml", directory_.path() / "run",
                        directory_.path() / "state"};
  std::filesystem::path log_ = directory_.path() / "log";
  pid_t pid_ = -1;
};

constexpr const char* k_health = "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n";

TEST_F(FobdProcessTest, LivesAsAServiceFromItsFirstWordToItsLast) {
  auto handed = both_sockets();
  handed.push_back({make_sealed_file("x", "nonsense").value(), "profile-7"});
  start(handed, {{"NOTIFY_SOCKET", manager_.path()}, {"WATCHDOG_USEC", "4000000"}, {"WATCHDOG_PID", "SELF"}});
  const auto first = manager_.wait_for("READY=1");
  EXPECT_THAT(first, Contains("FDSTOREREMOVE=1\nFDNAME=profile-7")) << "which nobody can use";
  EXPECT_THAT(first, Contains(StartsWith("STATUS=p: ")));
  EXPECT_EQ(first.back(), "READY=1");
  EXPECT_THAT(manager_.wait_for("WATCHDOG=1").back(), "WATCHDOG=1");
  EXPECT_THAT(asked(k_health), StartsWith("HTTP/1.1 503 "));

  configure("[profile.p]\nnonsense = 1\n");
  ::kill(pid_, SIGHUP);
  EXPECT_THAT(manager_.wait_for("RELOADING=1").back(), HasSubstr("MONOTONIC_USEC="));
  EXPECT_EQ(manager_.wait_for("READY=1").back(), "READY=1");
  EXPECT_THAT(asked(k_health), HasSubstr("\"name\":\"p\"")) << "what was in force stays in force";
  configure("[profile.other]\nendpoint = \"https://127.0.0.1:1/\"\n");
  ::kill(pid_, SIGHUP);
  manager_.wait_for("RELOADING=1");
  manager_.wait_for("READY=1");
  EXPECT_THAT(asked(k_health), HasSubstr("\"name\":\"other\""));

  ::kill(pid_, SIGTERM);
  EXPECT_EQ(manager_.wait_for("STOPPING=1").back(), "STOPPING=1");
  EXPECT_EQ(end(), 0);
  EXPECT_THAT(log(), HasSubstr("stays in force"));
  EXPECT_THAT(log(), HasSubstr("fobd ends"));
  EXPECT_TRUE(std::filesystem::exists(at_.app_socket())) << "systemd's own, for the next fobd";
}

TEST_F(FobdProcessTest, EndsAtOnceWhenItIsToldTwice) {
  configure("[profile.p]\nendpoint = \"https://127.0.0.1:1/\"\n");
  start({}, {{"NOTIFY_SOCKET", manager_.path()}});
  manager_.wait_for("READY=1");
  // Follows, and so holds up an end that waits for those who are served.
  UniqueFd reader(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  at_.app_socket().string().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::connect(reader.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const std::string half = "GET /v1/events HTTP/1.1\r\n";
  ASSERT_EQ(::send(reader.get(), half.data(), half.size(), MSG_NOSIGNAL), static_cast<ssize_t>(half.size()));
  ::kill(pid_, SIGTERM);
  manager_.wait_for("STOPPING=1");
  ::kill(pid_, SIGTERM);
  EXPECT_EQ(end(), 0);
  EXPECT_FALSE(std::filesystem::exists(at_.app_socket())) << "its own";
}

TEST_F(FobdProcessTest, WithoutAProfileSaysSoAndServesAllTheSame) {
  configure("");
  start(both_sockets(), {{"NOTIFY_SOCKET", manager_.path()}});
  EXPECT_THAT(manager_.wait_for("READY=1"), Contains(HasSubstr("no profile is configured")));
  EXPECT_THAT(asked(k_health), StartsWith("HTTP/1.1 200 "));
  ::kill(pid_, SIGINT);
  EXPECT_EQ(end(), 0);
  EXPECT_THAT(log(), HasSubstr("configures no profile; add one"));
}

TEST_F(FobdProcessTest, WithUnitsAsksThemAndStartsNothingItself) {
  start({}, {{"NOTIFY_SOCKET", manager_.path()}}, {"--units"});
  manager_.wait_for("READY=1");
  const auto status = manager_.wait_for("STATUS=p: none (no-credential");
  ASSERT_FALSE(status.empty());
  EXPECT_THAT(status.back(), HasSubstr("run: fob credential add p")) << "there is no socket of its unit";
  ::kill(pid_, SIGTERM);
  EXPECT_EQ(end(), 0);
}

TEST_F(FobdProcessTest, AStartThatMakesNoSenseIsRefusedWithWhatIsWrong) {
  const auto refused = [&](const std::vector<HandedDescriptor>& handed,
                           std::map<std::string, std::string> variables) {
    start(handed, std::move(variables));
    EXPECT_EQ(end(), traits(ErrorCode::config).exit_status);
    return log();
  };
  EXPECT_THAT(refused({}, {{"NOTIFY_SOCKET", "relative"}}), HasSubstr("NOTIFY_SOCKET is \"relative\""));
  EXPECT_THAT(refused({}, {{"LISTEN_PID", "SELF"}, {"LISTEN_FDS", "many"}}),
              HasSubstr("LISTEN_FDS is no number"));
  EXPECT_THAT(refused({}, {{"LISTEN_PID", "SELF"}, {"LISTEN_FDS", "1"}}),
              HasSubstr("which LISTEN_FDS promises"));
  EXPECT_THAT(refused({}, {{"NOTIFY_SOCKET", manager_.path()}, {"WATCHDOG_USEC", "soon"}}),
              HasSubstr("WATCHDOG_USEC is no number"));
  std::vector<HandedDescriptor> one;
  one.push_back(listening(at_.app_socket()));
  EXPECT_THAT(refused(one, {}), HasSubstr("one of fobd's two sockets only"));
  std::filesystem::remove(at_.config_file);
  EXPECT_THAT(refused({}, {}), HasSubstr(at_.config_file.string()));
  EXPECT_EQ(manager_.take_in().size(), 0U) << "never that it is ready";
}

TEST_F(FobdProcessTest, ACommandLineItDoesNotKnowIsAWrongUse) {
  start({}, {}, {"--no-such-option"});
  EXPECT_EQ(end(), traits(ErrorCode::usage).exit_status);
  start({}, {}, {"--help"});
  EXPECT_EQ(end(), 0);
}

}  // namespace
}  // namespace fob::broker
