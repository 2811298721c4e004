#include "daemon/cli/trial.hpp"
#include "tests/support/fake_unit.hpp"
#include "tests/support/temp_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace fob::cli {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

constexpr milliseconds k_long = std::chrono::seconds(20);

const std::string k_success =
    R"({"v":1,"ok":true,"access_token":"t","token_type":"Bearer","started_boottime_ns":1,"expires_in_ms":60000,)"
    R"("scopes":[],"credential_version":3})";

wire::ExchangeFailure as_failure(const wire::ExchangeAnswer& answer) {
  const auto* failed = std::get_if<wire::ExchangeFailure>(&answer);
  return failed ? *failed : wire::ExchangeFailure{ErrorCode::usage, 0, "it succeeded", {}};
}

class TrialExchange : public ::testing::Test {
 protected:
  // A stand-in for fob-exchange: a shell script.
  void exchanger_does(const std::string& script) {
    std::ofstream(exchanger_) << "#!/bin/sh\n" << script << "\n";
    std::filesystem::permissions(exchanger_, std::filesystem::perms::owner_all);
  }
  wire::ExchangeAnswer attempt(milliseconds within = k_long) {
    return try_staged_credential("prod", exchanger_, {"/c/fob.toml", "/r", "/s"}, clock_, within);
  }
  wire::ExchangeFailure failure(milliseconds within = k_long) { return as_failure(attempt(within)); }
  std::string noted() {
    std::ifstream file(directory_.path() / "note");
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  test::TempDirectory directory_;
  const std::filesystem::path exchanger_ = directory_.path() / "fob-exchange";
  const std::string note_ = (directory_.path() / "note").string();
  SystemClock clock_;
};

TEST_F(TrialExchange, NamesTheProfileAndTheSlotNextOnALine) {
  exchanger_does("read line; echo \"$line\" >" + note_ + "; echo '" + k_success + "'");
  const auto answer = attempt();
  ASSERT_TRUE(std::holds_alternative<wire::ExchangeSuccess>(answer));
  EXPECT_EQ(std::get<wire::ExchangeSuccess>(answer).credential_version, 3U);
  EXPECT_EQ(noted(), "{\"v\":1,\"profile\":\"prod\",\"slot\":\"next\"}\n");
}

TEST_F(TrialExchange, SaysWhereConfigurationAndStoreAre) {
  exchanger_does("echo \"$@\" >" + note_ + "; echo '" + k_success + "'");
  attempt();
  EXPECT_EQ(noted(), "--config /c/fob.toml --state-dir /s\n");
}

TEST_F(TrialExchange, HandsOnOnlyTheEnvironmentThatTheStoreNeeds) {
  ::setenv("https_proxy", "http://attacker.example", 1);
  ::setenv("CREDENTIALS_DIRECTORY", "/run/credentials", 1);
  exchanger_does("/usr/bin/env >" + note_ + "; echo '" + k_success + "'");
  attempt();
  ::unsetenv("https_proxy");
  ::unsetenv("CREDENTIALS_DIRECTORY");
  EXPECT_THAT(noted(), HasSubstr("CREDENTIALS_DIRECTORY=/run/credentials\n"));
  EXPECT_THAT(noted(), ::testing::Not(HasSubstr("https_proxy")));
}

TEST_F(TrialExchange, GivesTheExchangersOwnFailure) {
  exchanger_does(R"(echo '{"v":1,"ok":false,"kind":"rejected","status":401,"detail":"no such client"}')");
  EXPECT_EQ(failure().code, ErrorCode::rejected);
  EXPECT_EQ(failure().detail, "no such client");
}

TEST_F(TrialExchange, SaysThatTheExchangerIsMissing) {
  EXPECT_EQ(failure().code, ErrorCode::internal);
  EXPECT_THAT(failure().detail, HasSubstr("cannot be started: No such file or directory"));
}

TEST_F(TrialExchange, SaysThatTheExchangerDied) {
  exchanger_does("exit 1");
  EXPECT_EQ(failure().code, ErrorCode::internal);
  EXPECT_THAT(failure().detail, HasSubstr("ended without an answer"));
}

TEST_F(TrialExchange, RefusesAnAnswerThatIsNone) {
  exchanger_does("echo hello");
  EXPECT_EQ(failure().code, ErrorCode::bad_answer);
}

TEST_F(TrialExchange, RefusesAnAnswerWithoutAnEnd) {
  exchanger_does(
      "while echo -n xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; do :; done");
  EXPECT_EQ(failure().code, ErrorCode::bad_answer);
}

TEST_F(TrialExchange, EndsOneThatStaysSilent) {
  exchanger_does("read line; read forever");
  EXPECT_EQ(failure(milliseconds(50)).code, ErrorCode::timeout);
}

// The same by the profile's unit, which each test has behave in its own way.
class TrialByUnit : public ::testing::Test {
 protected:
  wire::ExchangeAnswer attempt(milliseconds within = k_long) {
    return try_staged_credential_by_unit("prod", socket_, clock_, within);
  }
  wire::ExchangeFailure failure(milliseconds within = k_long) { return as_failure(attempt(within)); }

  test::TempDirectory directory_;
  const std::filesystem::path socket_ = directory_.path() / "prod.sock";
  SystemClock clock_;
};

TEST_F(TrialByUnit, AsksForTheSlotNextAndGivesTheAnswer) {
  std::string heard;
  const test::FakeUnit unit(socket_, {[&heard](int connection) {
                              heard = test::FakeUnit::hear(connection);
                              test::FakeUnit::say(connection, k_success + "\n");
                            }});
  const auto answer = attempt();
  ASSERT_TRUE(std::holds_alternative<wire::ExchangeSuccess>(answer));
  EXPECT_EQ(std::get<wire::ExchangeSuccess>(answer).credential_version, 3U);
  EXPECT_EQ(heard, "{\"v\":1,\"profile\":\"prod\",\"slot\":\"next\"}\n");
}

TEST_F(TrialByUnit, SaysWhichUnitNobodyListensFor) {
  EXPECT_EQ(failure().code, ErrorCode::internal);
  EXPECT_THAT(failure().detail, HasSubstr("fob-exchange@prod.socket cannot be asked"));
  EXPECT_THAT(failure().detail, HasSubstr("No such file or directory"));
  EXPECT_THAT(failure().detail, HasSubstr("systemctl status fob-exchange@prod.socket"));
}

TEST_F(TrialByUnit, SaysWhichUnitEndedWithoutAnAnswer) {
  const test::FakeUnit unit(socket_, std::vector(3, test::FakeUnit::end()));
  EXPECT_EQ(failure().detail,
            "fob-exchange@prod.service ended without an answer; see: systemctl status fob-exchange@prod");
}

TEST_F(TrialByUnit, AsksAgainWhereTheUnitWasJustEnding) {
  const test::FakeUnit unit(socket_, {test::FakeUnit::reset(), test::FakeUnit::answer(k_success + "\n")});
  EXPECT_TRUE(std::holds_alternative<wire::ExchangeSuccess>(attempt()));
}

TEST_F(TrialByUnit, TakesHalfAnAnswerForNoneAndDoesNotAskAgain) {
  const test::FakeUnit unit(socket_,
                            {test::FakeUnit::answer(k_success.substr(0, 40)), test::FakeUnit::end()});
  EXPECT_EQ(failure().code, ErrorCode::bad_answer);
  EXPECT_EQ(unit.connections(), 1) << "the authority may have been asked";
}

TEST_F(TrialByUnit, GivesUpAUnitThatStaysSilent) {
  const test::FakeUnit unit(socket_, {test::FakeUnit::silence()});
  EXPECT_EQ(failure(milliseconds(20)).code, ErrorCode::timeout);
}

TEST_F(TrialByUnit, ReadsNoMoreThanAnAnswerMayHave) {
  const test::FakeUnit unit(socket_, {test::FakeUnit::flood()});
  EXPECT_EQ(failure().code, ErrorCode::bad_answer);
}

}  // namespace
}  // namespace fob::cli
