// What the broker makes of a staged credential, of one that is refused and of one that still works: for apps,
// for operators and in the log. Which slot is asked when, tests/unit/slot_choice_test.cpp has in full.
#include "daemon/broker/metrics.hpp"
#include "daemon/broker/profile_state.hpp"
#include "tests/component/broker_fixture.hpp"

#include <boost/asio/detached.hpp>
#include <gmock/gmock.h>

namespace fob::broker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using enum wire::Slot;

class BrokerSlotsTest : public BrokerTest {
 protected:
  TokenOutcome refresh() { return run(keeper()->refresh()); }
  TokenOutcome change_credential() { return run(keeper()->credential_changed()); }
  std::shared_ptr<TokenKeeper> keeper() { return *broker_->keeper("p"); }

  // A refresh with its token's name, or the failure's detail.
  std::string refreshed() {
    const auto outcome = refresh();
    return outcome ? (*outcome)->access_token : outcome.error().detail;
  }

  wire::Json state() { return profile_state(*keeper(), clock_); }
  Response health() { return ask(app_interface(*broker_, clock_), "GET", "/healthz"); }
  int logged(const std::string& words) const {
    const std::string text = logged_.str();
    int count = 0;
    for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) ++count;
    return count;
  }

  // Has a token, and then a credential that is refused.
  void come_to_be_refused(const std::string& config = k_config) {
    broker_ = make_broker(config);
    ASSERT_TRUE(refresh());
    failure_ = fails(ErrorCode::rejected, "no");
    asked_.clear();
  }

  const std::string falls_back_ = "[daemon]\nauto_fallback = true\n" + std::string(k_config);
  std::unique_ptr<Broker> broker_;
};

TEST_F(BrokerSlotsTest, ACredentialThatWasEnrolledWithoutATrialIsPromotedByItsFirstSuccess) {
  failure_ = fails(ErrorCode::no_credential, "there is none");
  staged_ = works(1);
  broker_ = make_broker();
  EXPECT_EQ(refreshed(), "token-of-next");
  EXPECT_THAT(promotions_, ElementsAre("p 1"));
  EXPECT_THAT(asked_, ElementsAre(next));
  failure_.reset();
  staged_ = empty();
  EXPECT_EQ(refreshed(), "token-1");
  EXPECT_THAT(asked_, ElementsAre(next, current));
  EXPECT_EQ(health().status, 200);
}

TEST_F(BrokerSlotsTest, AStagedCredentialThatIsRefusedIsToldOfWhileTheOneInForceServes) {
  staged_ = refused();
  broker_ = make_broker();
  EXPECT_EQ(refreshed(), "token-1");
  EXPECT_EQ(refreshed(), "token-2");
  EXPECT_THAT(asked_, ElementsAre(next, current, current));
  EXPECT_EQ(state()["staged_refused"].dump(),
            R"({"detail":"the authority rejects it","at":"2026-01-31T00:00:00Z"})");
  EXPECT_TRUE(state()["alarm"].is_null());
  EXPECT_EQ(logged("[warning] p: the staged credential is refused (rejected): the authority rejects it"), 1);
  staged_ = empty();
  EXPECT_TRUE(change_credential());
  EXPECT_TRUE(state()["staged_refused"].is_null());
}

TEST_F(BrokerSlotsTest, AFirstCredentialThatIsRefusedIsReportedAsThat) {
  failure_ = fails(ErrorCode::no_credential, "there is none");
  staged_ = refused();
  broker_ = make_broker();
  const auto outcome = change_credential();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::rejected);
  EXPECT_THAT(promotions_, ElementsAre());
}

TEST_F(BrokerSlotsTest, OneWhoseTrialIsUnderWayIsLeftAlone) {
  promotion_ = {core::Promotion::left_alone, ""};
  staged_ = works(2);
  broker_ = make_broker();
  EXPECT_EQ(refreshed(), "token-1");
  EXPECT_EQ(refreshed(), "token-2");
  EXPECT_THAT(promotions_, ElementsAre("p 2"));
  EXPECT_EQ(logged("fob credential promote p would put it in force"), 1);
}

TEST_F(BrokerSlotsTest, OneThatCannotBePromotedServesAllTheSame) {
  promotion_ = {core::Promotion::failed, "the disk is full"};
  staged_ = works(2);
  broker_ = make_broker();
  EXPECT_EQ(refreshed(), "token-of-next");
  EXPECT_EQ(logged("[warning] p: the staged credential works (version 2) but could not be put in force"), 1);
  EXPECT_EQ(logged("the disk is full"), 1);
  promotion_ = {core::Promotion::promoted, ""};
  refresh();
  EXPECT_THAT(promotions_, ElementsAre("p 2", "p 2"));
}

TEST_F(BrokerSlotsTest, APreviousCredentialThatStillWorksIsOfferedAndNotUsed) {
  before_ = works(1);
  come_to_be_refused();
  const std::string offered =
      "no; the previous credential (version 1) still works: fob credential rollback p";
  EXPECT_EQ(refreshed(), offered);
  EXPECT_THAT(asked_, ElementsAre(current, next, previous));
  EXPECT_EQ(keeper()->status().token->access_token, "token-1") << "what is alive serves on";
  EXPECT_EQ(refreshed(), offered);
  EXPECT_EQ(refreshed(), offered);
  EXPECT_THAT(asked_, ElementsAre(current, next, previous, current, current));
}

TEST_F(BrokerSlotsTest, APreviousCredentialThatStillWorksIsUsedWhereThatIsAllowed) {
  before_ = works(1);
  current_version_ = 2;
  come_to_be_refused(falls_back_);
  EXPECT_EQ(refreshed(), "token-of-previous");
  EXPECT_EQ(state()["fallback"], "previous");
  EXPECT_EQ(state()["credential_version"], 1);
  EXPECT_TRUE(state()["alarm"].is_null());
  EXPECT_EQ(refreshed(), "token-of-previous");
  EXPECT_THAT(asked_, ElementsAre(current, next, previous, previous));
  EXPECT_EQ(logged("[error] p: FALLBACK: the credential in force is refused; the previous one (version 1)"),
            1);
  failure_.reset();
  EXPECT_TRUE(change_credential());
  EXPECT_TRUE(state()["fallback"].is_null());
  EXPECT_EQ(state()["credential_version"], 2);
  EXPECT_EQ(logged("the fallback to the previous credential is over"), 1);
}

TEST_F(BrokerSlotsTest, AReloadMayAllowAFallbackAndForbidItAgain) {
  before_ = works(1);
  come_to_be_refused();
  EXPECT_FALSE(refresh());
  ASSERT_TRUE(reload_with(*broker_, falls_back_));
  EXPECT_TRUE(keeper()->status().token) << "a reload loses no token";
  run_until([&] { return state()["fallback"] == "previous"; });
  EXPECT_EQ(keeper()->status().token->access_token, "token-of-previous");
  ASSERT_TRUE(reload_with(*broker_, k_config));
  EXPECT_TRUE(state()["fallback"].is_null());
  EXPECT_EQ(keeper()->status().token->access_token, "token-of-previous") << "a reload loses no token";
  EXPECT_THAT(refreshed(), HasSubstr("fob credential rollback p"));
}

TEST_F(BrokerSlotsTest, ARefusalIsAnAlarmWhileAppsStillHaveTheirToken) {
  before_ = works(1);
  come_to_be_refused();
  clock_.advance(70s);
  EXPECT_FALSE(refresh());
  EXPECT_EQ(ask(app_interface(*broker_, clock_), "GET", "/v1/token").status, 200);
  EXPECT_EQ(
      state()["alarm"].dump(),
      R"({"kind":"rejected","detail":"no; the previous credential (version 1) still works: )"
      R"(fob credential rollback p","since":"2026-01-31T00:01:10Z","token_ends_in":30,"offer":"rollback"})");
  const auto unwell = health();
  EXPECT_EQ(unwell.status, 503);
  EXPECT_THAT(unwell.body, HasSubstr(R"("type":"urn:fob:credential-rejected")"));
  EXPECT_THAT(unwell.body, HasSubstr("ALARM: the credential of a profile is refused"));
  const transport::Peer stranger{::geteuid() + 1, ::getegid() + 1, 1, {}};
  const auto told = ask(app_interface(*broker_, clock_), "GET", "/healthz", "", "", stranger);
  EXPECT_EQ(told.status, 503);
  EXPECT_THAT(told.body, HasSubstr(R"("profiles":[])"));
  EXPECT_THAT(told.body, Not(HasSubstr("rollback"))) << "whose profile it is, is not for everyone";
  const auto operators = operator_interface(*broker_, clock_, {::geteuid(), std::nullopt});
  EXPECT_THAT(ask(operators, "GET", "/v1/status").body, HasSubstr(R"("healthy":false)"));
}

TEST_F(BrokerSlotsTest, AnAlarmIsLoggedWhenItBeginsAndWhenItIsOver) {
  come_to_be_refused();
  EXPECT_FALSE(refresh());
  clock_.advance(10s);
  EXPECT_FALSE(refresh());
  failure_ = fails(ErrorCode::unreachable, "no way there");
  EXPECT_FALSE(refresh());
  EXPECT_EQ(state()["alarm"]["since"], "2026-01-31T00:00:00Z") << "an outage ends no refusal";
  EXPECT_EQ(logged("[error] p: ALARM: no new token (rejected): no; the token at hand lives 100 s"), 1);
  EXPECT_EQ(logged("ALARM"), 1);
  failure_.reset();
  EXPECT_TRUE(refresh());
  EXPECT_EQ(logged("[notice] p: the alarm is over: there is a new token"), 1);
  EXPECT_EQ(health().status, 200);
}

TEST_F(BrokerSlotsTest, TheLogSaysByItsPriorityWhetherSomebodyMustAct) {
  broker_ = make_broker();
  ASSERT_TRUE(refresh());
  failure_ = fails(ErrorCode::unreachable, "no way there");
  EXPECT_FALSE(refresh());
  EXPECT_EQ(logged("[warning] p: no new token (unreachable): no way there; the token at hand lives 100 s"),
            1);
  clock_.advance(101s);
  EXPECT_FALSE(refresh());
  EXPECT_EQ(logged("[error] p: no new token (unreachable): no way there; apps get no token"), 1);
  EXPECT_EQ(logged("\tFOB_EVENT=no-token\tFOB_PROFILE=p\tFOB_KIND=unreachable"), 1);
  failure_.reset();
  ASSERT_TRUE(refresh());
  clock_.advance(101s);
  failure_ = fails(ErrorCode::timeout, "no answer");
  EXPECT_FALSE(refresh());
  EXPECT_EQ(logged("[warning] p: no new token (timeout): no answer; apps get no token"), 1)
      << "a network that is not up yet after a sleep is no news";
  failure_ = fails(ErrorCode::config, "no such file");
  EXPECT_FALSE(refresh());
  EXPECT_EQ(logged("[error] p: no new token (config): no such file"), 1);
  EXPECT_EQ(logged("\tFOB_EVENT=person-needed\tFOB_PROFILE=p\tFOB_KIND=config"), 1);
}

TEST_F(BrokerSlotsTest, TheLogTellsOnceOfAnotherCredentialInForce) {
  broker_ = make_broker();
  ASSERT_TRUE(refresh());
  ASSERT_TRUE(refresh());
  EXPECT_EQ(logged("credential-in-force"), 0);
  current_version_ = 2;
  ASSERT_TRUE(refresh());
  ASSERT_TRUE(refresh());
  EXPECT_EQ(logged("[notice] p: tokens are of credential version 2 now, before of 1\t"
                   "FOB_EVENT=credential-in-force\tFOB_PROFILE=p\tFOB_FINGERPRINT="),
            1);
  EXPECT_EQ(logged("FOB_EVENT=token\t"), 1) << "a token a minute is a line";
}

TEST_F(BrokerSlotsTest, AnAlarmIsOverWhenTheCredentialChanges) {
  come_to_be_refused();
  EXPECT_FALSE(refresh());
  failure_.reset();
  EXPECT_TRUE(change_credential());
  EXPECT_TRUE(state()["alarm"].is_null());
  EXPECT_EQ(logged("[notice] p: the alarm is over: the credential changed"), 1);
}

TEST_F(BrokerSlotsTest, AnAlarmGoesOnWhenTheTokenHasEnded) {
  come_to_be_refused();
  EXPECT_FALSE(refresh());
  clock_.advance(101s);
  EXPECT_TRUE(state()["alarm"].is_object());
  EXPECT_TRUE(state()["alarm"]["token_ends_in"].is_null());
  EXPECT_TRUE(state()["alarm"]["offer"].is_null());
}

TEST_F(BrokerSlotsTest, ACredentialThatIsGoneIsAnAlarmUnlessItWasRemoved) {
  come_to_be_refused();
  failure_ = fails(ErrorCode::no_credential, "there is none");
  EXPECT_FALSE(refresh());
  EXPECT_EQ(state()["alarm"]["kind"], "no-credential");
  EXPECT_FALSE(change_credential());
  EXPECT_TRUE(state()["alarm"].is_null()) << "an operator removed it, and its token with it";
}

TEST_F(BrokerSlotsTest, ARefusalOfACredentialThatChangedMeanwhileIsNoAlarm) {
  come_to_be_refused();
  std::optional<TokenOutcome> outcome;
  asio::co_spawn(io_, keeper()->refresh(), asio::detached);
  run_until([&] { return at_once_ == 1; });
  asio::co_spawn(io_, keeper()->credential_changed(),
                 [&](std::exception_ptr, TokenOutcome known) { outcome.emplace(std::move(known)); });
  run_until([&] { return exchanges_ == 3; });
  failure_.reset();
  run_until([&] { return outcome.has_value(); });
  EXPECT_TRUE(outcome && *outcome);
  EXPECT_EQ(logged("ALARM"), 0);
  EXPECT_TRUE(state()["alarm"].is_null());
}

TEST_F(BrokerSlotsTest, ARefreshThatIsGivenUpLearnsNothing) {
  broker_ = make_broker();
  hang_ = true;
  run_until([&] { return exchanges_ == 1; });
  failure_ = fails(ErrorCode::rejected, "what was given up says");
  clock_.advance(5s);
  broker_->change(core::Change::network_up);
  run_until([&] { return exchanges_ == 2; });
  EXPECT_EQ(most_at_once_, 1);
  EXPECT_THAT(asked_, ElementsAre(next, current, current))
      << "no other is asked for a refusal that never was";
  EXPECT_EQ(logged("refused"), 0);
}

TEST_F(BrokerSlotsTest, MetricsTellOfARefusalAndWhatIsUsedInstead) {
  before_ = works(1);
  come_to_be_refused(k_config);
  EXPECT_FALSE(refresh());
  const auto text =
      ask(operator_interface(*broker_, clock_, {::geteuid(), std::nullopt}), "GET", "/metrics").body;
  EXPECT_THAT(text, HasSubstr("fob_credential_refused{profile=\"p\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("fob_fallback{profile=\"p\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("fob_staged_refused{profile=\"p\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("fob_failing{profile=\"p\",kind=\"rejected\"} 1\n"));
}

}  // namespace
}  // namespace fob::broker
