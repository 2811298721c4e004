// The whole exchange with the network replaced: which failure becomes which kind, and what leaves the
// process.
#include "daemon/exchanger/exchange.hpp"

#include "daemon/store/open_store.hpp"
#include "ipc/base/file.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/temp_directory.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sys/stat.h>

namespace fob::exchanger {
namespace {

using namespace std::chrono_literals;
using wire::ExchangeFailure;
using wire::ExchangeSuccess;

class ExchangeTest : public testing::Test {
 protected:
  ExchangeTest() {
    configure("[profile.prod]\nendpoint = \"https://auth.example/token\"\nscopes = [\"query\"]\n");
  }

  void configure(const std::string& text) {
    std::ofstream(locations_.config_file) << text;
    ::chmod(locations_.config_file.c_str(), 0600);
  }
  void enrol(const std::string& profile, const std::string& id, std::string_view secret) {
    const auto store = store::open_store({}, locations_, {config::StoreKind::file, false, ""}, clock_);
    const auto version = store->stage(profile, {id, SecretBytes::copy_of(secret)}, {});
    ASSERT_TRUE(version);
    ASSERT_TRUE(store->commit(profile, *version, store::Proof::accepted));
  }
  wire::ExchangeAnswer ask(const std::string& line = R"({"v":1,"profile":"prod","slot":"current"})") {
    const auto post = [this](const HttpRequest& request) {
      ++requests_;
      sent_ = std::string(request.authorization);
      clock_.advance(2s);
      return outcome_;
    };
    return exchange(line, {locations_, clock_, post, std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}});
  }
  void expect_failure(const wire::ExchangeAnswer& answer, ErrorCode code, const std::string& words) {
    const auto* failure = std::get_if<ExchangeFailure>(&answer);
    ASSERT_NE(failure, nullptr);
    EXPECT_EQ(traits(failure->code).kind, traits(code).kind) << failure->detail;
    EXPECT_NE(failure->detail.find(words), std::string::npos) << failure->detail;
    EXPECT_LE(failure->detail.size(), 300U);
  }
  void answer_with(int status, const std::string& body) {
    HttpAnswer answer;
    answer.status = status;
    answer.body = body;
    outcome_ = answer;
  }

  test::TempDirectory directory_;
  config::Locations locations_{directory_.path() / "fob.toml", directory_.path(),
                               directory_.path() / "state"};
  test::ManualClock clock_;
  HttpOutcome outcome_ = TransportFailure{};
  int requests_ = 0;
  std::string sent_;
};

TEST_F(ExchangeTest, TurnsTheProfilesCredentialIntoAToken) {
  enrol("prod", "id", "secret");
  answer_with(200, R"({"token":"abc","expires_in":300})");
  const auto started = clock_.boot_now();
  const auto stored = std::chrono::floor<std::chrono::seconds>(clock_.wall_now());
  const auto answer = ask();
  const auto* success = std::get_if<ExchangeSuccess>(&answer);
  ASSERT_NE(success, nullptr);
  EXPECT_EQ(success->access_token, "abc");
  EXPECT_EQ(success->started_boottime, started.time_since_epoch()) << "the request's start, not its end";
  EXPECT_EQ(success->credential_version, 1U);
  EXPECT_EQ(success->credential_stored_at, stored);
  EXPECT_EQ(sent_, "Basic aWQ6c2VjcmV0");
  EXPECT_EQ(requests_, 1);
}

TEST_F(ExchangeTest, UsesTheSlotThatWasAskedFor) {
  enrol("prod", "id", "old");
  enrol("prod", "id", "new");
  answer_with(200, R"({"token":"abc","expires_in":300})");
  ask(R"({"v":1,"profile":"prod","slot":"previous"})");
  EXPECT_EQ(sent_, "Basic aWQ6b2xk");
  expect_failure(ask(R"({"v":1,"profile":"prod","slot":"next"})"), ErrorCode::no_credential, "staged");
}

TEST_F(ExchangeTest, RefusesWhatIsNoRequest) {
  for (const std::string line :
       {"", "hello", "{}", R"({"v":1,"profile":"../x","slot":"current"})",
        R"({"v":1,"profile":"prod","slot":"current","endpoint":"https://evil.example"})"})
    expect_failure(ask(line), ErrorCode::config, "does not understand the request");
  EXPECT_EQ(requests_, 0);
}

TEST_F(ExchangeTest, SaysWhatIsWrongWithTheConfiguration) {
  enrol("prod", "id", "secret");
  expect_failure(ask(R"({"v":1,"profile":"other","slot":"current"})"), ErrorCode::config,
                 "there is no [profile.other] in " + locations_.config_file.string());
  configure("[profile.prod]\nendpont = \"x\"\n");
  expect_failure(ask(), ErrorCode::config, "did you mean 'endpoint'");
  configure("[profile.prod]\nca_file = \"missing.pem\"\n");
  expect_failure(ask(), ErrorCode::config, "missing.pem: No such file");
  configure("[profile.prod]\nca_file = \"writable.pem\"\n");
  const auto writable = locations_.config_file.parent_path() / "writable.pem";
  ASSERT_TRUE(replace_file(writable, "x", 0666, ErrorCode::internal));
  expect_failure(ask(), ErrorCode::config, "run: chmod go-w " + writable.string());
  std::filesystem::remove(locations_.config_file);
  expect_failure(ask(), ErrorCode::config, "No such file");
  EXPECT_EQ(requests_, 0);
}

TEST_F(ExchangeTest, SaysWhatIsWrongWithTheStore) {
  expect_failure(ask(), ErrorCode::no_credential, "run: fob credential add prod");
  enrol("prod", "id", "secret");
  const auto file = locations_.state_dir / "vault" / "prod.vault";
  ::chmod(file.c_str(), 0644);
  expect_failure(ask(), ErrorCode::store_locked, "run: chmod 600 " + file.string());
  EXPECT_EQ(requests_, 0);
}

TEST_F(ExchangeTest, ExplainsATransportThatFailed) {
  enrol("prod", "id", "secret");
  outcome_ = TransportFailure{Trouble::connect, 0, 0, "Connection refused"};
  expect_failure(ask(), ErrorCode::unreachable, "auth.example");
}

TEST_F(ExchangeTest, NoFormOfTheCredentialComesBackInADetail) {
  configure("[profile.prod]\nauthority = \"oauth2\"\nendpoint = \"https://auth.example/token\"\n");
  enrol("prod", "0f8fad5b-d9cb-469f", "5e88+4898/da28");
  for (const std::string leak :
       {"5e88+4898/da28", "5E88+4898/DA28", "5e88%2B4898%2Fda28", "0F8FAD5B-D9CB-469F",
        "MGY4ZmFkNWItZDljYi00NjlmOjVlODglMkI0ODk4JTJGZGEyOA=="}) {
    answer_with(401, R"({"error":"got )" + leak + R"( from you"})");
    expect_failure(ask(), ErrorCode::rejected, "got *** from you");
    HttpAnswer redirect;
    redirect.status = 302;
    redirect.redirect = "https://auth.example/?echo=" + leak;
    outcome_ = redirect;
    expect_failure(ask(), ErrorCode::bad_answer, "echo=***");
  }
}

}  // namespace
}  // namespace fob::exchanger
