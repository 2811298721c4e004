// The built program fob, run as people and scripts run it: what it prints where, and how it exits. fobd is a
// stand-in on Unix sockets, the authority one on loopback; store and fob-exchange are real.
#include "ipc/base/clock.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/unit/client_fake_fobd.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <fcntl.h>
#include <fstream>
#include <netinet/in.h>
#include <optional>
#include <pty.h>
#include <spawn.h>
#include <sys/wait.h>
#include <termios.h>

namespace fob {
namespace {

using test::FakeFobd;
using test::http_answer;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

const std::string k_id = "3f2b9c1e-5d77-4a60-9a3e-0c1d2e3f4a5b";
const std::string k_secret = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
const std::string k_other_secret = "0f4d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcd00";
const std::string k_token_document =
    R"({"access_token":"abc.def","token_type":"Bearer","expires_in":300,"expires_at":"2026-01-31T00:05:00Z",)"
    R"("profile":"prod","scopes":["query"],"fingerprint":"01234567"})";

// A token endpoint on loopback that answers every request alike.
class FakeAuthority {
 public:
  FakeAuthority(int status, std::string body) : answer_(with_date(http_answer(status, body))) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
        ::listen(listener_.get(), 4) != 0 ||
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("cannot listen on loopback");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  FakeAuthority(const FakeAuthority&) = delete;
  FakeAuthority& operator=(const FakeAuthority&) = delete;
  ~FakeAuthority() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/token"; }

 private:
  static std::string with_date(std::string answer) {
    std::array<char, 64> date{};
    const std::time_t now = std::time(nullptr);
    std::tm utc{};
    ::gmtime_r(&now, &utc);
    std::strftime(date.data(), date.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\nConnection: close\r\n", &utc);
    return answer.insert(answer.find("\r\n") + 2, date.data());
  }
  void serve() {
    while (true) {
      const UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!connection) return;
      std::array<char, 4096> request{};
      if (::recv(connection.get(), request.data(), request.size(), 0) > 0)
        ::send(connection.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
    }
  }

  std::string answer_;
  UniqueFd listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  int port_ = 0;
  std::thread thread_;
};

std::string a_token() {
  const auto expiry = SystemClock().wall_now() + std::chrono::minutes(30);
  return R"({"token":"eyJh.eyJz.c2ln","expiresOn":")" + to_rfc3339(expiry) + R"("})";
}

struct Outcome {
  int status;  ///< as a shell would say it: 128 + N for signal N
  std::string out, err;
};

int status_of(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

class FobCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(runtime_);
    configure("http://127.0.0.1:9/token");
  }

  // Port 9 is discard: nobody listens there.
  void configure(const std::string& endpoint, const std::string& more = "") {
    std::ofstream(config_) << "[profile.prod]\nendpoint = \"" << endpoint << "\"\nscopes = [\"query\"]\n"
                           << "[daemon]\nstore = \"file\"\n"
                           << more;
  }

  std::vector<std::string> with_places(std::vector<std::string> words) const {
    words.insert(words.begin(), {FOB_CLI, "--config", config_.string(), "--runtime-dir", runtime_.string(),
                                 "--state-dir", state_.string()});
    return words;
  }

  Outcome run(const std::vector<std::string>& arguments, const std::string& input = "") {
    return run_exactly(with_places(arguments), input);
  }

  Outcome run_exactly(std::vector<std::string> words, const std::string& input = "") {
    const auto in = directory_.path() / "in", out = directory_.path() / "out",
               err = directory_.path() / "err";
    std::ofstream(in) << input;
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, in.c_str(), O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    pid_t pid = -1;
    EXPECT_EQ(::posix_spawn(&pid, FOB_CLI, &actions, nullptr, arguments.data(), environ), 0);
    ::posix_spawn_file_actions_destroy(&actions);
    const int status = status_of(pid);
    return {status, content_of(out), content_of(err)};
  }

  std::string list() { return run({"credential", "list"}).out; }
  std::filesystem::path app_socket() const { return runtime_ / "fob.sock"; }
  std::filesystem::path control_socket() const { return runtime_ / "control.sock"; }

  test::TempDirectory directory_;
  const std::filesystem::path config_ = directory_.path() / "fob.toml";
  const std::filesystem::path runtime_ = directory_.path() / "run";
  const std::filesystem::path state_ = directory_.path() / "state";
};

TEST_F(FobCommand, HelpAndVersionAreResults) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--help"}, {"--version"}, {"credential", "add", "--help"}}) {
    const auto outcome = run(words);
    EXPECT_EQ(outcome.status, 0);
    EXPECT_THAT(outcome.out, HasSubstr("fob"));
    EXPECT_THAT(outcome.err, IsEmpty());
  }
  EXPECT_THAT(run({"--help"}).out, HasSubstr("Exit status: 0 done"));
}

TEST_F(FobCommand, MistakesOnTheCommandLineExitWith2) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"frobnicate"},
                                                {"token", "--frob"},
                                                {"credential", "add"},
                                                {"exec", "prod"}}) {
    const auto outcome = run(words);
    EXPECT_EQ(outcome.status, 2);
    EXPECT_THAT(outcome.err, StartsWith("fob: "));
    EXPECT_THAT(outcome.out, IsEmpty());
  }
}

TEST_F(FobCommand, WithoutFobdItExitsWith3AndSaysHowToStartIt) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"token"},
                                                {"exec", "--", "true"},
                                                {"status"},
                                                {"refresh"},
                                                {"refresh", "prod"},
                                                {"reload"}}) {
    const auto outcome = run(words);
    EXPECT_EQ(outcome.status, 3) << words[0];
    EXPECT_THAT(outcome.err, AllOf(StartsWith("fob: fobd is not running"), HasSubstr("fobd --config FILE")));
  }
}

TEST_F(FobCommand, ConfigCheckSaysThatAllIsFine) {
  const auto outcome = run({"config", "check"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out, config_.string() + ": fine, 1 profile\n");
  EXPECT_FALSE(std::filesystem::exists(state_));
}

TEST_F(FobCommand, ConfigCheckExitsWith7WhereItIsNot) {
  std::ofstream(config_) << "[profile.prod]\nendpont = \"https://x.example/\"\n";
  const auto outcome = run({"config", "check"});
  EXPECT_EQ(outcome.status, 7);
  EXPECT_THAT(outcome.err,
              HasSubstr("fob.toml:2: profile.prod.endpont: unknown key; did you mean 'endpoint'?"));
  EXPECT_EQ(run({"credential", "list"}).status, 7);
}

TEST_F(FobCommand, ConfigShowFillsInTheDefaults) {
  const auto outcome = run({"config", "show"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("[profile.prod]"), HasSubstr("refresh = \"always\"")));
}

TEST_F(FobCommand, TheEnvironmentNamesPlacesToo) {
  ::setenv("FOB_CONFIG", config_.c_str(), 1);
  const auto outcome = run_exactly({FOB_CLI, "config", "check"});
  ::unsetenv("FOB_CONFIG");
  EXPECT_EQ(outcome.out, config_.string() + ": fine, 1 profile\n");
}

TEST_F(FobCommand, TokenPrintsTheTokenAndNothingElse) {
  const FakeFobd fobd(app_socket(), http_answer(200, k_token_document));
  const auto outcome = run({"token", "prod", "--min-ttl", "60"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out, "abc.def\n");
  EXPECT_THAT(outcome.err, IsEmpty());
  EXPECT_THAT(fobd.requests().at(0), StartsWith("GET /v1/token?profile=prod&min_ttl=60.000&wait=5.000 "));
}

TEST_F(FobCommand, TokenPrintsItAsHeaderOrJsonWhereAsked) {
  const FakeFobd fobd(app_socket(), http_answer(200, k_token_document));
  EXPECT_EQ(run({"token", "--header"}).out, "Authorization: Bearer abc.def\n");
  EXPECT_EQ(run({"token", "--json"}).out, k_token_document + "\n");
  EXPECT_THAT(fobd.requests().at(0), StartsWith("GET /v1/token?wait=5.000 "));
}

TEST_F(FobCommand, AResultThatCannotBeWrittenIsAFailure) {
  const FakeFobd fobd(app_socket(), http_answer(200, k_token_document));
  auto words = with_places({"token"});
  words.insert(words.begin(), {"/bin/sh", "-c", "exec \"$@\" >/dev/full", "sh"});
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t pid = -1;
  ASSERT_EQ(::posix_spawn(&pid, "/bin/sh", nullptr, nullptr, arguments.data(), environ), 0);
  EXPECT_EQ(status_of(pid), 1);
}

TEST_F(FobCommand, ProblemsDecideTheExitStatus) {
  const std::vector<std::pair<std::string, int>> problems = {
      {"not-granted", 4},         {"unknown-profile", 7},       {"no-credential", 5},
      {"credential-rejected", 6}, {"authority-unreachable", 5}, {"authority-error", 5},
      {"clock-wrong", 5},         {"too-many-requests", 5},     {"bad-request", 2}};
  for (const auto& [urn, status] : problems) {
    const FakeFobd fobd(app_socket(),
                        http_answer(503, R"({"type":"urn:fob:)" + urn + R"(","detail":"do this"})"));
    const auto outcome = run({"token"});
    EXPECT_EQ(outcome.status, status) << urn;
    EXPECT_EQ(outcome.err, "fob: do this\n");
    EXPECT_THAT(outcome.out, IsEmpty());
    std::filesystem::remove(app_socket());
  }
}

TEST_F(FobCommand, ExecRunsAProgramWithTheToken) {
  const FakeFobd fobd(app_socket(), http_answer(200, k_token_document));
  const auto outcome =
      run({"exec", "prod", "--", "sh", "-c", "echo $FOB_TOKEN $FOB_PROFILE $FOB_SOCKET $*; exit 9", "sh",
           "--config", "x", "--", "-h"});
  EXPECT_EQ(outcome.status, 9);
  EXPECT_EQ(outcome.out, "abc.def prod " + app_socket().string() + " --config x -- -h\n");
  EXPECT_EQ(run({"exec", "--", "true", "--help"}).status, 0);
}

TEST_F(FobCommand, ExecExitsAsEnvDoesWhereThereIsNothingToRun) {
  const FakeFobd fobd(app_socket(), http_answer(200, k_token_document));
  EXPECT_EQ(run({"exec", "--", "no-such-program"}).status, 127);
  const auto outcome = run({"exec", "--", config_.string()});
  EXPECT_EQ(outcome.status, 126);
  EXPECT_THAT(outcome.err, StartsWith("fob: cannot run " + config_.string()));
}

TEST_F(FobCommand, ExecRunsNothingWithoutAToken) {
  const FakeFobd fobd(app_socket(), http_answer(403, R"({"type":"urn:fob:not-granted","detail":"no"})"));
  const auto outcome = run({"exec", "--", "echo", "ran"});
  EXPECT_EQ(outcome.status, 4);
  EXPECT_THAT(outcome.out, IsEmpty());
}

TEST_F(FobCommand, StatusIsAScreenOrTheDocument) {
  const std::string document =
      R"({"version":"0.1.0","pid":7,"uptime_s":5,"profiles":[{"name":"prod","state":"none"}]})";
  const FakeFobd fobd(control_socket(), http_answer(200, document));
  EXPECT_THAT(run({"status"}).out, StartsWith("fobd 0.1.0, pid 7, up 5 s\n\nprod  no token\n"));
  EXPECT_EQ(run({"status", "--json"}).out, document + "\n");
}

TEST_F(FobCommand, RefreshAsksForTheOnlyProfileAndTellsTheOutcome) {
  {
    const FakeFobd fobd(control_socket(), http_answer(200, "{}"));
    const auto outcome = run({"refresh"});
    EXPECT_EQ(outcome.status, 0);
    EXPECT_EQ(outcome.err, "fob: prod: a new token is in force\n");
    EXPECT_THAT(fobd.requests().at(0), EndsWith(R"({"profile":"prod"})"));
  }
  std::filesystem::remove(control_socket());
  const FakeFobd fobd(control_socket(),
                      http_answer(503, R"({"type":"urn:fob:credential-rejected","detail":"no"})"));
  EXPECT_EQ(run({"refresh", "prod"}).status, 6);
}

TEST_F(FobCommand, AddStoresWithoutATrialWhereAskedTo) {
  const auto outcome = run({"credential", "add", "prod", "--no-trial"}, k_id + ":" + k_secret);
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.err, HasSubstr("prod: stored as version 1, without a trial as you asked"));
  EXPECT_THAT(list(), AllOf(StartsWith("PROFILE  SLOT     VERSION  CLIENT-ID  AGE  STORE\n"),
                            HasSubstr("prod     current  1 ")));
}

TEST_F(FobCommand, AddTriesTheCredentialFirst) {
  const FakeAuthority authority(200, a_token());
  configure(authority.url());
  const auto outcome = run({"credential", "add", "prod", "-"}, k_id + "\n" + k_secret + "\n");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("the authority accepts it"), HasSubstr("fobd is not running")));
  EXPECT_THAT(list(), HasSubstr("current"));
}

TEST_F(FobCommand, ARefusedCredentialIsNotStored) {
  const FakeAuthority authority(401, R"({"error":"no such client"})");
  configure(authority.url());
  const auto outcome = run({"credential", "add", "prod"}, k_id + ":" + k_secret);
  EXPECT_EQ(outcome.status, 6);
  EXPECT_THAT(outcome.err, HasSubstr("nothing was changed"));
  EXPECT_THAT(list(), IsEmpty());
}

TEST_F(FobCommand, AFirstCredentialIsKeptWithoutANetwork) {
  const auto outcome = run({"credential", "add", "prod"}, k_id + ":" + k_secret);
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.err, StartsWith("fob: warning: prod: stored as version 1, but untested"));
  EXPECT_THAT(list(), HasSubstr("current"));
}

TEST_F(FobCommand, ACredentialInForceIsNotReplacedWithoutATrial) {
  run({"credential", "add", "prod", "--no-trial"}, k_id + ":" + k_secret);
  const std::string before = list();
  for (const std::string verb : {"rotate", "add"}) {
    const auto outcome = run({"credential", verb, "prod"}, "other-id:" + k_other_secret);
    EXPECT_EQ(outcome.status, 5);
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("nothing was changed"), HasSubstr("--no-trial")));
  }
  EXPECT_EQ(list().substr(0, 60), before.substr(0, 60));
  EXPECT_THAT(list(), Not(HasSubstr("next")));
}

TEST_F(FobCommand, RotateTellsFobdAndFailsWithIt) {
  run({"credential", "add", "prod", "--no-trial"}, k_id + ":" + k_secret);
  const FakeFobd fobd(control_socket(),
                      http_answer(503, R"({"type":"urn:fob:authority-unreachable","detail":"away"})"));
  const auto outcome = run({"credential", "rotate", "prod", "--no-trial"}, "other-id:" + k_other_secret);
  EXPECT_EQ(outcome.status, 5);
  EXPECT_THAT(outcome.err, HasSubstr("it stays staged, since fobd could not try it yet: away"));
  EXPECT_THAT(fobd.requests().at(0), StartsWith("POST /v1/credentials/changed "));
  EXPECT_THAT(list(), HasSubstr("next (untested)"));
  EXPECT_THAT(run({"credential", "promote", "prod"}).err,
              HasSubstr("the credential is stored, but fobd has no token with it yet: away"));
  EXPECT_THAT(list(), HasSubstr("previous"));
}

TEST_F(FobCommand, FobdPromotesWhatIsUntestedAndNothingElse) {
  const auto promote = [&](const std::string& version) {
    return run({"credential", "promote", "prod", "--version", version, "--if-untested"}).status;
  };
  run({"credential", "add", "prod", "--no-trial"}, k_id + ":" + k_secret);
  run({"credential", "rotate", "prod", "--no-trial"}, "other-id:" + k_other_secret);
  EXPECT_EQ(promote("3"), 5);
  EXPECT_EQ(promote("2"), 0);
  EXPECT_EQ(promote("2"), 0) << "it is in force";
  EXPECT_THAT(list(), AllOf(HasSubstr("prod     current   2"), HasSubstr("prod     previous  1")));
}

TEST_F(FobCommand, FobdMayAskForAPromotionByALine) {
  const auto ask = [&](const std::string& line) {
    const auto outcome = run({"credential", "promote", "--asked"}, line + "\n");
    EXPECT_EQ(outcome.status, 0) << "an answer was given";
    return outcome.out;
  };
  run({"credential", "add", "prod", "--no-trial"}, k_id + ":" + k_secret);
  run({"credential", "rotate", "prod", "--no-trial"}, "other-id:" + k_other_secret);
  EXPECT_THAT(ask(R"({"v":1,"profile":"prod","version":3})"),
              StartsWith(R"({"v":1,"outcome":"left-alone","detail":"prod: version 3 is not staged)"));
  const std::string promoted = R"({"v":1,"outcome":"promoted","detail":""})"
                               "\n";
  EXPECT_EQ(ask(R"({"v":1,"profile":"prod","version":2})"), promoted);
  EXPECT_EQ(ask(R"({"v":1,"profile":"prod","version":2})"), promoted) << "it is in force";
  EXPECT_THAT(list(), AllOf(HasSubstr("prod     current   2"), HasSubstr("prod     previous  1")));
  for (const auto& bad : {std::string(R"({"v":1,"profile":"../prod","version":2})"), std::string("hello"),
                          std::string(5000, 'x'), std::string()})
    EXPECT_THAT(ask(bad), StartsWith(R"({"v":1,"outcome":"failed","detail":")"));
  EXPECT_EQ(run({"credential", "promote", "prod", "--asked"}).status, 2);
  EXPECT_EQ(run({"credential", "promote"}).status, 2);
}

TEST_F(FobCommand, MigrateWantsAStoreThatThereIs) {
  run({"credential", "add", "prod", "--no-trial"}, k_id + ":" + k_secret);
  const auto wrong = run({"credential", "migrate", "prod", "--to", "cloud"});
  EXPECT_EQ(wrong.status, 2);
  EXPECT_THAT(wrong.err, HasSubstr("--to takes one of: systemd-creds, secret-service, file"));
  const auto same = run({"credential", "migrate", "prod", "--to", "file"});
  EXPECT_EQ(same.status, 0);
  EXPECT_THAT(same.err, HasSubstr("already"));
  const auto away = run({"credential", "migrate", "prod", "--to", "secret-service"});
  EXPECT_EQ(away.status, 8);
  EXPECT_THAT(list(), HasSubstr("prod     current  1 "));
}

TEST_F(FobCommand, RollbackAndRemoveTellFobdToo) {
  const FakeFobd fobd(control_socket(), http_answer(200, "{}"));
  run({"credential", "add", "prod", "--no-trial"}, k_id + ":" + k_secret);
  EXPECT_EQ(run({"credential", "rollback", "prod"}).status, 5);
  run({"credential", "rotate", "prod", "--no-trial"}, "other-id:" + k_other_secret);
  EXPECT_EQ(run({"credential", "promote", "prod"}).status, 0);
  EXPECT_EQ(run({"credential", "rollback", "prod"}).status, 0);
  EXPECT_EQ(run({"credential", "remove", "prod"}).status, 0);
  EXPECT_EQ(fobd.requests().size(), 6U) << "one asks why nothing was promoted";
  EXPECT_THAT(list(), IsEmpty());
  EXPECT_EQ(run({"credential", "remove", "prod"}).status, 5);
}

TEST_F(FobCommand, ListAsJsonShowsFingerprintsOnly) {
  EXPECT_EQ(run({"credential", "list", "--json"}).out, "[]\n");
  run({"credential", "add", "prod", "--no-trial"}, k_id + ":" + k_secret);
  const auto outcome = run({"credential", "list", "--json"});
  EXPECT_THAT(outcome.out,
              StartsWith(R"([{"profile":"prod","slot":"current","version":1,"client_id_fingerprint":")"));
  EXPECT_THAT(outcome.out, Not(HasSubstr(k_id)));
}

TEST_F(FobCommand, ADamagedVaultOfAnotherProfileHindersNobody) {
  configure("http://127.0.0.1:9/token", "[profile.other]\nscopes = [\"query\"]\n");
  run({"credential", "add", "prod", "--no-trial"}, k_id + ":" + k_secret);
  const auto damaged = state_ / "vault" / "prod.vault";
  std::ofstream(damaged) << "{}";
  EXPECT_EQ(run({"credential", "add", "other", "--no-trial"}, k_id + ":" + k_secret).status, 0);

  const auto outcome = run({"credential", "list"});
  EXPECT_EQ(outcome.status, 8);
  EXPECT_THAT(outcome.out, HasSubstr("other    current  1 "));
  EXPECT_THAT(outcome.err, AllOf(StartsWith("fob: " + damaged.string() + " cannot be used"),
                                 HasSubstr("fob credential add prod")));
  const auto json = run({"credential", "list", "--json"});
  EXPECT_EQ(json.status, 8);
  EXPECT_THAT(json.out, StartsWith(R"([{"profile":"other","slot":"current")"));
}

TEST_F(FobCommand, WhereNothingCanBeReadListDoesNotSayThatNothingIsStored) {
  run({"credential", "add", "prod", "--no-trial"}, k_id + ":" + k_secret);
  std::ofstream(state_ / "vault" / "prod.vault") << "{}";
  const auto outcome = run({"credential", "list"});
  EXPECT_EQ(outcome.status, 8);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("prod.vault"), Not(HasSubstr("no credential is stored"))));
}

TEST_F(FobCommand, AnUnknownProfileExitsWith7AndStoresNothing) {
  const auto outcome = run({"credential", "add", "prd"}, k_id + ":" + k_secret);
  EXPECT_EQ(outcome.status, 7);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("did you mean 'prod'"), HasSubstr("add [profile.prd]")));
  EXPECT_FALSE(std::filesystem::exists(state_));
}

TEST_F(FobCommand, RotateWithoutACredentialSaysToAddOne) {
  const auto outcome = run({"credential", "rotate", "prod"}, k_id + ":" + k_secret);
  EXPECT_EQ(outcome.status, 5);
  EXPECT_THAT(outcome.err, HasSubstr("fob credential add prod"));
}

TEST_F(FobCommand, AFileThatOthersCanReadIsTakenWithAWarning) {
  const auto file = directory_.path() / "credential.json";
  std::ofstream(file) << R"({"clientId":")" << k_id << R"(","clientSecret":")" << k_secret << "\"}";
  std::filesystem::permissions(file, static_cast<std::filesystem::perms>(0644));
  const auto outcome = run({"credential", "add", "prod", "--file", file.string(), "--no-trial"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.err, HasSubstr("others on this device can read " + file.string() +
                                     "; once this is done, run: shred -u " + file.string()));
  std::filesystem::permissions(file, static_cast<std::filesystem::perms>(0600));
  EXPECT_THAT(run({"credential", "add", "prod", "--file", file.string(), "--no-trial"}).err,
              Not(HasSubstr("shred")));
}

TEST_F(FobCommand, AFileThatHoldsNoCredentialExitsWith2AndIsNotRepeated) {
  const auto outcome = run({"credential", "add", "prod"}, "CLIENT_SECRET=" + k_secret + "\n");
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, AllOf(StartsWith("fob: stdin: there is a client secret but no client id"),
                                 Not(HasSubstr(k_secret))));
  EXPECT_EQ(run({"credential", "add", "prod", "--file", "/no/such/file"}).status, 2);
  EXPECT_EQ(run({"credential", "add", "prod", "--file", "/"}).status, 2);
}

// fob on a terminal of its own, as a person has it.
class FobOnATerminal : public FobCommand {
 protected:
  void start(const std::vector<std::string>& arguments) {
    auto words = with_places(arguments);
    std::vector<char*> pointers;
    for (auto& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    int terminal = -1;
    pid_ = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    if (pid_ == 0) {
      ::execv(FOB_CLI, pointers.data());
      ::_exit(99);
    }
    terminal_.reset(terminal);
  }
  // Until the terminal has shown `text`, or nothing more will come.
  bool shows(const std::string& text) {
    std::array<char, 1024> chunk{};
    while (shown_.find(text) == std::string::npos) {
      const ssize_t n = ::read(terminal_.get(), chunk.data(), chunk.size());
      if (n <= 0) return false;
      shown_.append(chunk.data(), static_cast<std::size_t>(n));
    }
    return true;
  }
  void type(const std::string& text) {
    ASSERT_EQ(::write(terminal_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  bool echoes() const {
    termios settings{};
    ::tcgetattr(terminal_.get(), &settings);
    return (settings.c_lflag & ECHO) != 0;
  }

  UniqueFd terminal_;
  std::string shown_;
  pid_t pid_ = -1;
};

TEST_F(FobOnATerminal, AsksForTheSecretWithoutShowingIt) {
  start({"credential", "add", "prod", "--no-trial"});
  ASSERT_TRUE(shows("Client id for prod: "));
  type(k_id + "\n");
  ASSERT_TRUE(shows("Client secret (will not be shown): "));
  EXPECT_FALSE(echoes());
  type(k_secret + "\n");
  ASSERT_TRUE(shows("stored as version 1"));
  EXPECT_TRUE(echoes());
  shows("nothing more");
  EXPECT_EQ(status_of(pid_), 0);
  EXPECT_THAT(shown_, HasSubstr(k_id));
  EXPECT_THAT(shown_, Not(HasSubstr(k_secret)));
}

TEST_F(FobOnATerminal, RestoresItWhereAnInterruptEndsTheQuestion) {
  start({"credential", "add", "prod"});
  ASSERT_TRUE(shows("Client id for prod: "));
  type(k_id + "\n");
  ASSERT_TRUE(shows("Client secret (will not be shown): "));
  ASSERT_FALSE(echoes());
  type("half a sec\x03");
  shows("nothing more");
  EXPECT_EQ(status_of(pid_), 128 + SIGINT);
  EXPECT_TRUE(echoes());
  EXPECT_FALSE(std::filesystem::exists(state_));
}

TEST_F(FobOnATerminal, TakesAnEndOfInputForANo) {
  start({"credential", "add", "prod"});
  ASSERT_TRUE(shows("Client id for prod: "));
  type("\x04");
  shows("nothing more");
  EXPECT_EQ(status_of(pid_), 2);
}

TEST_F(FobOnATerminal, ColoursTheStatus) {
  ::setenv("TERM", "xterm", 1);
  const FakeFobd fobd(
      control_socket(),
      http_answer(200, R"({"version":"0","pid":1,"uptime_s":1,"profiles":[{"name":"p","state":"valid"}]})"));
  start({"status"});
  EXPECT_TRUE(shows("\033[32mvalid\033[0m"));
  shows("nothing more");
  EXPECT_EQ(status_of(pid_), 0);
}

}  // namespace
}  // namespace fob
