// The broker with a real timer and an exchange that the test answers.
#include "daemon/broker/broker.hpp"

#include "tests/component/broker_fixture.hpp"

#include <boost/asio/co_spawn.hpp>
#include <gmock/gmock.h>

namespace fob::broker {
namespace {
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(BrokerTest, FortyRequestsBeforeTheFirstTokenShareOneExchange) {
  const auto broker = make_broker();
  const auto keeper = *broker->keeper("p");
  int answered = 0;
  for (int i = 0; i < 40; ++i) {
    asio::co_spawn(io_, keeper->token(std::nullopt, 5s), [&](std::exception_ptr, TokenOutcome outcome) {
      if (outcome && (*outcome)->access_token == "token-1") ++answered;
    });
  }
  while (answered < 40 && io_.run_one() > 0) continue;
  EXPECT_EQ(answered, 40);
  EXPECT_EQ(exchanges_, 1);
}

TEST_F(BrokerTest, ATokenAnswerHoldsWhatTheContractSays) {
  const auto broker = make_broker();
  const auto response = ask(app_interface(*broker, clock_), "GET", "/v1/token?profile=p");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(
      response.body,
      R"({"access_token":"token-1","token_type":"Bearer","expires_in":100,"expires_at":"2026-01-31T00:01:40Z",)"
      R"("profile":"p","scopes":["query"],"fingerprint":"3f08aace"})");
}

TEST_F(BrokerTest, PlainTextIsTheBareToken) {
  const auto broker = make_broker();
  const auto response = ask(app_interface(*broker, clock_), "GET", "/v1/token", "", "text/plain");
  EXPECT_EQ(response.content_type, "text/plain");
  EXPECT_EQ(response.body, "token-1");
}

TEST_F(BrokerTest, ADeadTokenIsNeverServedAndTheReasonIsTold) {
  const auto broker = make_broker();
  const auto handler = app_interface(*broker, clock_);
  ASSERT_EQ(ask(handler, "GET", "/v1/token").status, 200);
  failure_ = {ErrorCode::unreachable, 0, "cannot reach api.example; check the network", std::nullopt};
  clock_.advance(101s);
  const auto response = ask(handler, "GET", "/v1/token?wait=0.1");
  EXPECT_EQ(response.status, 503);
  EXPECT_THAT(response.body, HasSubstr("urn:fob:authority-unreachable"));
  EXPECT_THAT(response.body, HasSubstr("check the network"));
  EXPECT_TRUE(response.retry_after);
}

TEST_F(BrokerTest, AValidTokenIsServedHoweverTheRefreshFails) {
  const auto broker = make_broker();
  const auto handler = app_interface(*broker, clock_);
  ASSERT_EQ(ask(handler, "GET", "/v1/token").status, 200);
  failure_ = {ErrorCode::rejected, 401, "no", std::nullopt};
  clock_.advance(95s);
  const auto response = ask(handler, "GET", "/v1/token?min_ttl=50&wait=1");
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.body, HasSubstr("\"expires_in\":5"));
}

TEST_F(BrokerTest, AMinTtlBeyondAnyTokenGetsTheFreshestAtOnce) {
  const auto broker = make_broker();
  const auto handler = app_interface(*broker, clock_);
  ASSERT_EQ(ask(handler, "GET", "/v1/token").status, 200);
  clock_.advance(50s);
  EXPECT_EQ(ask(handler, "GET", "/v1/token?min_ttl=86400").status, 200);
  EXPECT_EQ(exchanges_, 1);
}

TEST_F(BrokerTest, ARejectedTokenIsReplaced) {
  const auto broker = make_broker();
  const auto handler = app_interface(*broker, clock_);
  ASSERT_EQ(ask(handler, "GET", "/v1/token").status, 200);
  clock_.advance(30s);
  const auto response = ask(handler, "POST", "/v1/token/rejected", R"({"access_token":"token-1"})");
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.body, HasSubstr("token-2"));
}

TEST_F(BrokerTest, ATokenRejectedTooSoonAgainIsTooManyRequests) {
  const auto broker = make_broker();
  const auto handler = app_interface(*broker, clock_);
  ASSERT_EQ(ask(handler, "GET", "/v1/token").status, 200);
  clock_.advance(1s);
  ASSERT_EQ(ask(handler, "POST", "/v1/token/rejected", R"({"access_token":"token-1"})").status, 200);
  const auto response = ask(handler, "POST", "/v1/token/rejected", R"({"access_token":"token-2"})");
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(response.retry_after, 10s) << "a tenth of its 100 s";
}

TEST_F(BrokerTest, AnotherUserIsRefusedTheSameWayWhetherTheProfileExistsOrNot) {
  const auto broker = make_broker();
  const auto stranger = facts_at_accept({::geteuid() + 1, ::getegid(), 4711, {}}, core::LabelSource::none);
  const auto known = broker->keeper_for(stranger, "p").keeper;
  const auto unknown = broker->keeper_for(stranger, "nope").keeper;
  ASSERT_FALSE(known);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(known.error().code, ErrorCode::not_granted);
  EXPECT_EQ(known.error().detail, unknown.error().detail);
  EXPECT_FALSE(broker->keeper_for(stranger, std::nullopt).keeper);
  EXPECT_TRUE(broker->keepers_for(stranger).empty());
}

TEST_F(BrokerTest, WithoutANamedProfileTheOnlyOneOrTheDefaultIsMeant) {
  const auto self = facts_at_accept(ourselves(), core::LabelSource::none);
  EXPECT_EQ((*make_broker()->keeper_for(self, std::nullopt).keeper)->profile(), "p");
  EXPECT_EQ(make_broker("[profile.p]\n[profile.q]\n")->keeper_for(self, std::nullopt).keeper.error().code,
            ErrorCode::bad_request);
  const auto broker = make_broker("[daemon]\ndefault_profile = \"q\"\n[profile.p]\n[profile.q]\n");
  EXPECT_EQ((*broker->keeper_for(self, std::nullopt).keeper)->profile(), "q");
}

TEST_F(BrokerTest, HealthIsBadWhileAProfileHasNoTokenAndSaysMoreToWhoIsGrantedIt) {
  hang_ = true;
  const auto broker = make_broker();
  const auto handler = app_interface(*broker, clock_);
  const transport::Peer stranger{::geteuid() + 1, ::getegid() + 1, 1, {}};
  const auto unwell = ask(handler, "GET", "/healthz", "", "", stranger);
  EXPECT_EQ(unwell.status, 503);
  EXPECT_THAT(unwell.body, HasSubstr(R"("profiles":[])"));
  EXPECT_THAT(ask(handler, "GET", "/healthz").body, HasSubstr(R"("profiles":[{"name":"p","state":"none")"));
  let_go();
  ASSERT_EQ(ask(handler, "GET", "/v1/token").status, 200);
  const auto well = ask(handler, "GET", "/healthz");
  EXPECT_EQ(well.status, 200);
  EXPECT_THAT(well.body, HasSubstr(R"("next_attempt_why":"refresh","failing":false,"last_error":null)"));
  EXPECT_EQ(ask(handler, "GET", "/healthz", "", "", stranger).body, R"({"status":"ok","profiles":[]})");
}

TEST_F(BrokerTest, TheLastErrorIsRememberedWhenItIsOver) {
  const auto broker = make_broker();
  const auto keeper = *broker->keeper("p");
  failure_ = wire::ExchangeFailure{ErrorCode::unreachable, 0, "no way there", std::nullopt};
  EXPECT_FALSE(run(keeper->refresh()));
  EXPECT_TRUE(keeper->status().failing);
  failure_.reset();
  EXPECT_TRUE(run(keeper->refresh()));
  EXPECT_FALSE(keeper->status().failing);
  ASSERT_TRUE(keeper->status().last_failure);
  EXPECT_EQ(keeper->status().last_failure->detail, "no way there");
}

TEST_F(BrokerTest, ANetworkThatComesUpEndsAWait) {
  const auto broker = make_broker();
  failure_ = wire::ExchangeFailure{ErrorCode::unreachable, 0, "no way there", std::nullopt};
  const auto keeper = *broker->keeper("p");
  EXPECT_FALSE(run(keeper->refresh()));
  EXPECT_TRUE(broker->minds_network());
  failure_.reset();
  clock_.advance(2s);
  broker->change(core::Change::network_up);
  run_until([&] { return keeper->status().token != nullptr; });
  EXPECT_EQ(keeper->status().token->access_token, "token-2");
  EXPECT_FALSE(broker->minds_network());
}

TEST_F(BrokerTest, AnExchangeThatHangsOnAnOldNetworkIsEndedBeforeTheNextBegins) {
  hang_ = true;
  const auto broker = make_broker();
  const auto keeper = *broker->keeper("p");
  run_until([&] { return exchanges_ == 1; });
  clock_.advance(5s);
  hang_ = false;
  broker->change(core::Change::network_up);
  run_until([&] { return keeper->status().token != nullptr; });
  EXPECT_EQ(exchanges_, 2);
  EXPECT_EQ(most_at_once_, 1);
  EXPECT_EQ(keeper->status().exchanges_failed, 0U) << "one that was given up is no failure";
}

TEST_F(BrokerTest, WhileAnAttemptIsUnderWayAProblemSaysWhenToAskAgain) {
  const auto broker = make_broker();
  const auto keeper = *broker->keeper("p");
  failure_ = wire::ExchangeFailure{ErrorCode::unreachable, 0, "no way there", std::nullopt};
  EXPECT_FALSE(run(keeper->refresh()));
  hang_ = true;
  broker->change(core::Change::network_up);
  clock_.advance(2s);
  broker->change(core::Change::network_up);
  run_until([&] { return exchanges_ == 3; });
  const auto response = ask(app_interface(*broker, clock_), "GET", "/v1/token?wait=0");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.retry_after, 1s);
}

TEST_F(BrokerTest, ACredentialThatChangesWhileAnExchangeIsGivenUpIsWaitedForNoLonger) {
  hang_ = true;
  const auto broker = make_broker();
  const auto keeper = *broker->keeper("p");
  run_until([&] { return exchanges_ == 1; });
  std::optional<TokenOutcome> outcome;
  asio::co_spawn(io_, keeper->credential_changed(),
                 [&](std::exception_ptr, TokenOutcome known) { outcome.emplace(std::move(known)); });
  test::turn_for(io_, 10ms);
  hang_ = false;
  clock_.advance(5s);
  broker->change(core::Change::network_up);
  run_until([&] { return outcome.has_value(); });
  ASSERT_TRUE(outcome && *outcome);
  EXPECT_EQ(exchanges_, 2);
}

TEST_F(BrokerTest, AProfileThatIsTakenAwayEndsItsExchange) {
  hang_ = true;
  const auto broker = make_broker();
  run_until([&] { return exchanges_ == 1; });
  ASSERT_TRUE(reload_with(*broker, "[profile.q]\nrefresh = \"on-demand\"\n"));
  run_until([&] { return at_once_ == 0; });
  EXPECT_EQ(at_once_, 0);
}

// Takes events down, and goes away or is too slow when the test says so.
class Reader final : public EventSink {
 public:
  asio::awaitable<bool> send(std::string text) override {
    taken += text;
    co_return !gone;
  }
  bool nudge() override { return !gone; }
  void when_gone(std::function<void()> told) override { told_ = std::move(told); }
  void go() {
    gone = true;
    if (told_) told_();
  }

  std::string taken;
  bool gone = false;

 private:
  std::function<void()> told_;
};

class EventsTest : public BrokerTest {
 protected:
  // Begins to follow; the stream runs until it ends by itself or the reader goes.
  std::shared_ptr<Reader> follow(const Broker& broker, const std::string& target = "/v1/events?profile=p") {
    const auto response = ask(app_interface(const_cast<Broker&>(broker), clock_), "GET", target);
    EXPECT_EQ(response.status, 200);
    auto reader = std::make_shared<Reader>();
    ++streams_;
    asio::co_spawn(io_, response.events(reader), [this](std::exception_ptr) { --streams_; });
    run_until([&] { return !reader->taken.empty(); });
    return reader;
  }

  int streams_ = 0;
};

TEST_F(EventsTest, TellTheStateAtOnceAndEachChange) {
  const auto broker = make_broker();
  const auto keeper = *broker->keeper("p");
  const auto reader = follow(*broker);
  EXPECT_THAT(reader->taken, StartsWith("event: unavailable\ndata: {"));
  run_until([&] { return reader->taken.find("token-1") != std::string::npos; });
  EXPECT_THAT(reader->taken, HasSubstr("event: token\ndata: {\"access_token\":\"token-1\""));
  ASSERT_TRUE(run(keeper->refresh()));
  run_until([&] { return reader->taken.find("token-2") != std::string::npos; });
  reader->go();
  run_until([&] { return streams_ == 0; });
  EXPECT_EQ(streams_, 0) << "a stream whose reader went away is over";
}

TEST_F(EventsTest, TellWhenThereIsNoTokenAnyMore) {
  const auto broker = make_broker();
  const auto keeper = *broker->keeper("p");
  ASSERT_TRUE(run(keeper->refresh()));
  const auto reader = follow(*broker);
  failure_ = wire::ExchangeFailure{ErrorCode::unreachable, 0, "no way there", std::nullopt};
  EXPECT_FALSE(run(keeper->refresh()));
  EXPECT_EQ(reader->taken.find("unavailable"), std::string::npos) << "the token at hand is alive";
  clock_.advance(101s);
  broker->change(core::Change::resumed);
  run_until([&] { return reader->taken.find("unavailable") != std::string::npos; });
  EXPECT_THAT(reader->taken, HasSubstr("no way there"));
  reader->go();
}

TEST_F(EventsTest, KeepAProfileOnDemandFreshForAsLongAsSomeoneFollows) {
  const auto broker = make_broker("[profile.p]\nrefresh = \"on-demand\"\n");
  const auto keeper = *broker->keeper("p");
  EXPECT_TRUE(keeper->status().idle);
  const auto reader = follow(*broker);
  run_until([&] { return keeper->status().token != nullptr; });
  EXPECT_TRUE(keeper->status().next_attempt_in);
  reader->go();
  run_until([&] { return streams_ == 0; });
  EXPECT_EQ(exchanges_, 1);
}

TEST_F(EventsTest, EndWithTheGrant) {
  const auto broker = make_broker();
  ASSERT_TRUE(run((*broker->keeper("p"))->refresh()));
  const auto reader = follow(*broker);
  const std::string granted_to_nobody =
      std::string(k_config) + "[[grant]]\nprofiles = [\"p\"]\nunit = \"x.service\"\n";
  ASSERT_TRUE(reload_with(*broker, granted_to_nobody));
  run_until([&] { return streams_ == 0; });
  EXPECT_TRUE(reader->taken.ends_with("event: revoked\ndata: {\"profile\":\"p\"}\n\n")) << reader->taken;
}

TEST_F(EventsTest, GoOnWhenTheProfileIsConfiguredAnew) {
  const auto broker = make_broker();
  ASSERT_TRUE(run((*broker->keeper("p"))->refresh()));
  const auto reader = follow(*broker);
  ASSERT_TRUE(reload_with(*broker, "[profile.p]\nscopes = [\"write\"]\n"));
  run_until([&] { return reader->taken.find("token-2") != std::string::npos; });
  EXPECT_EQ(reader->taken.find("revoked"), std::string::npos);
  reader->go();
  run_until([&] { return streams_ == 0; });
}

TEST_F(EventsTest, EndWithTheProfile) {
  const auto broker = make_broker();
  ASSERT_TRUE(run((*broker->keeper("p"))->refresh()));
  const auto reader = follow(*broker);
  ASSERT_TRUE(reload_with(*broker, "[profile.q]\n"));
  run_until([&] { return streams_ == 0; });
  EXPECT_THAT(reader->taken, HasSubstr("event: revoked"));
}

TEST_F(EventsTest, AreForThoseThatAreGrantedTheProfile) {
  const auto broker = make_broker();
  const auto handler = app_interface(*broker, clock_);
  const transport::Peer stranger{::geteuid() + 1, ::getegid() + 1, 1, {}};
  EXPECT_EQ(ask(handler, "GET", "/v1/events?profile=p", "", "", stranger).status, 403);
  EXPECT_EQ(ask(handler, "GET", "/v1/events?profil=p").status, 400);
}

TEST_F(BrokerTest, ABadFileOnReloadKeepsTheOldOneInForce) {
  const auto broker = make_broker();
  EXPECT_FALSE(reload_with(*broker, "[profil.p]\n"));
  EXPECT_TRUE(broker->keeper("p"));
}

TEST_F(BrokerTest, AReloadKeepsTheTokenOfAProfileThatDidNotChange) {
  const auto broker = make_broker();
  const auto handler = app_interface(*broker, clock_);
  ASSERT_EQ(ask(handler, "GET", "/v1/token?profile=p").status, 200);
  ASSERT_TRUE(reload_with(*broker, std::string(k_config) + "[profile.q]\n"));
  EXPECT_TRUE((*broker->keeper("p"))->status().token);
  EXPECT_FALSE((*broker->keeper("q"))->status().token);
}

TEST_F(BrokerTest, AReloadDropsTheTokenWhoseAuthorityChanged) {
  const auto broker = make_broker();
  ASSERT_EQ(ask(app_interface(*broker, clock_), "GET", "/v1/token?profile=p").status, 200);
  ASSERT_TRUE(reload_with(*broker, "[profile.p]\nendpoint = \"https://other.example/t\"\n"));
  EXPECT_FALSE((*broker->keeper("p"))->status().token);
}

TEST_F(BrokerTest, AReloadKeepsTheTokenWhereOnlyTheWayToTheAuthorityChanged) {
  const auto broker = make_broker();
  ASSERT_EQ(ask(app_interface(*broker, clock_), "GET", "/v1/token?profile=p").status, 200);
  failure_ = {ErrorCode::unreachable, 0, "away", std::nullopt};
  ASSERT_TRUE(
      reload_with(*broker, std::string(k_config) + "idle_after = \"6h\"\nca_file = \"/other.pem\"\n"));
  EXPECT_EQ(ask(app_interface(*broker, clock_), "GET", "/v1/token?profile=p").status, 200);
}

TEST_F(BrokerTest, ATokenThatClaimsToStartInTheFutureIsRefused) {
  started_offset_ = 1h;
  const auto broker = make_broker();
  const auto response = ask(app_interface(*broker, clock_), "GET", "/v1/token?wait=0.1");
  EXPECT_EQ(response.status, 503);
  EXPECT_THAT(response.body, HasSubstr("counts time otherwise"));
}

TEST_F(BrokerTest, AnExchangeThatFailsWithoutAPauseIsWaitedForAndTriedAgain) {
  pause_ = false;
  failure_ = {ErrorCode::unreachable, 0, "cannot run it", std::nullopt};
  const auto broker = make_broker();
  const auto handler = operator_interface(*broker, clock_, {::geteuid(), std::nullopt});
  const auto response = ask(handler, "POST", "/v1/refresh", R"({"profile":"p"})");
  EXPECT_THAT(response.body, HasSubstr("cannot run it"));
  EXPECT_TRUE((*broker->keeper("p"))->status().next_attempt_in);
}

TEST_F(BrokerTest, OperatorsSeeTheStateAndNoToken) {
  const auto broker = make_broker();
  ASSERT_EQ(ask(app_interface(*broker, clock_), "GET", "/v1/token").status, 200);
  const auto handler = operator_interface(*broker, clock_, {::geteuid(), std::nullopt});
  const auto response = ask(handler, "GET", "/v1/status");
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.body, HasSubstr(R"("state":"valid")"));
  EXPECT_EQ(response.body.find("token-1"), std::string::npos);
  EXPECT_EQ(logged_.str().find("token-1"), std::string::npos) << "tokens in logs: only as fingerprints";
}

TEST_F(BrokerTest, OperatorsAreRootTheDaemonsUserAndTheAdminGroup) {
  const Operators operators{1000, 50};
  EXPECT_TRUE(is_operator(operators, {0, 0, 1, {}}));
  EXPECT_TRUE(is_operator(operators, {1000, 1000, 1, {}}));
  EXPECT_TRUE(is_operator(operators, {1001, 50, 1, {}}));
  EXPECT_TRUE(is_operator(operators, {1001, 1001, 1, {7, 50}}));
  EXPECT_FALSE(is_operator(operators, {1001, 1001, 1, {7}}));
  EXPECT_FALSE(is_operator({1000, std::nullopt}, {1001, 50, 1, {50}}));
}

TEST_F(BrokerTest, ARefreshReportsItsOutcome) {
  const auto broker = make_broker();
  const auto handler = operator_interface(*broker, clock_, {::geteuid(), std::nullopt});
  EXPECT_EQ(ask(handler, "POST", "/v1/refresh", R"({"profile":"p"})").status, 200);
  failure_ = {ErrorCode::rejected, 401, "the authority rejects it", std::nullopt};
  const auto response = ask(handler, "POST", "/v1/refresh", R"({"profile":"p"})");
  EXPECT_EQ(response.status, 503);
  EXPECT_THAT(response.body, HasSubstr("urn:fob:credential-rejected"));
  EXPECT_EQ(ask(handler, "POST", "/v1/refresh", R"({"profile":"nope"})").status, 404);
  EXPECT_EQ(ask(handler, "POST", "/v1/refresh", "{}").status, 400);
}

TEST_F(BrokerTest, WhatIsNotListedIsRefused) {
  const auto broker = make_broker();
  const auto handler = app_interface(*broker, clock_);
  EXPECT_EQ(ask(handler, "GET", "/").status, 404);
  EXPECT_EQ(ask(handler, "GET", "/v1/status").status, 404) << "operators' calls are not on fob.sock";
  const auto response = ask(handler, "DELETE", "/v1/token");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.allow, "GET");
  EXPECT_EQ(ask(handler, "GET", "/v1/token?nope=1").status, 400);
}

TEST_F(BrokerTest, AnotherWayToTheAuthorityIsTriedAtOnceAndTheSameOneIsNot) {
  const std::string profile = "[profile.p]\nscopes = [\"query\"]\nendpoint = \"https://auth.example/\"\n";
  for (const std::string& change : std::vector<std::string>{
           "proxy = \"http://127.0.0.1:3128\"\n", "client_auth = \"post\"\nauthority = \"oauth2\"\n",
           std::string("pin_sha256 = \"") + std::string(43, 'A') + "=\"\n", "ca_file = \"ca.pem\"\n"}) {
    const std::string kind = change.find("oauth2") == std::string::npos ? "" : "authority = \"oauth2\"\n";
    failure_ = fails(ErrorCode::unreachable, "no network");
    exchanges_ = 0;
    const auto broker = make_broker(profile + kind);
    run_until([&] { return exchanges_ == 1 && !broker->exchanging(); });
    ASSERT_TRUE(reload_with(*broker, profile + kind + "auto_fallback = false\n")) << change;
    io_.poll();
    EXPECT_EQ(exchanges_, 1) << "nothing about the way is another";
    ASSERT_TRUE(reload_with(*broker, profile + change)) << change;
    run_until([&] { return exchanges_ == 2; });
    EXPECT_EQ(exchanges_, 2) << change;
  }
}

TEST_F(BrokerTest, AProfileThatIsRefreshedOnDemandIsNoTroubleWithoutAToken) {
  const auto broker = make_broker("[profile.p]\nrefresh = \"on-demand\"\n");
  const auto health = app_interface(*broker, clock_);
  EXPECT_EQ(ask(health, "GET", "/healthz").status, 200);
  EXPECT_EQ(exchanges_, 0);
  EXPECT_THAT(ask(health, "GET", "/healthz").body, HasSubstr("\"state\":\"idle\""));
  EXPECT_THAT(ask(health, "GET", "/v1/profiles").body, HasSubstr("\"state\":\"idle\""));
  ASSERT_EQ(ask(health, "GET", "/v1/token").status, 200);
  EXPECT_THAT(ask(health, "GET", "/v1/profiles").body, HasSubstr("\"expires_in\":100"));
}

TEST_F(BrokerTest, WhatAPredecessorLeftIsServedWithoutAnExchange) {
  EXPECT_TRUE(replace_file(config_file(), k_config, 0600, ErrorCode::config));
  auto config = config::load(config_file());
  ASSERT_TRUE(config);
  Surroundings around = surroundings();
  const BootTime now = clock_.boot_now();
  around.recall = [&](const auto&, const auto&) {
    return core::Resumption{
        std::make_shared<core::Token>(core::Token{"left", "f1", {"query"}, 1, now, now + 90s, {}}), now + 60s,
        std::nullopt, std::nullopt};
  };
  Broker broker(std::move(*config), config_file(), ::geteuid(), around);
  EXPECT_THAT(ask(app_interface(broker, clock_), "GET", "/v1/token").body, HasSubstr("\"left\""));
  EXPECT_EQ(exchanges_, 0);
  current_version_ = 2;
  ASSERT_TRUE(run((*broker.keeper("p"))->refresh()));
  EXPECT_THAT(logged_.str(), HasSubstr("tokens are of credential version 2 now, before of 1"));
}

TEST_F(BrokerTest, RepeatsAreToldOfThoughNothingFollows) {
  std::vector<core::AuditRecord> told;
  // The timer goes by the device's own clock: their minute is over there in a moment.
  clock_.set_boot(SystemClock().boot_now() - 60s + 50ms);
  const auto audit = std::make_shared<Audit>(
      io_.get_executor(), clock_, [&](const core::AuditRecord& record) { told.push_back(record); });
  core::AuditRecord record;
  record.what = "token";
  record.profile = "p";
  for (int i = 0; i < 3; ++i) audit->note(record);
  ASSERT_EQ(told.size(), 1U);
  clock_.advance(60s);
  Audit::Follower follower(audit);
  EXPECT_TRUE(run(follower.change(std::chrono::seconds(0)))) << "what was there before";
  run_until([&] { return told.size() == 2; });
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told.back().repeats, 2U);
  EXPECT_TRUE(run(follower.change(std::chrono::seconds(0)))) << "who follows is told, too";
  audit->end();
  io_.restart();
  io_.run();
  EXPECT_EQ(told.size(), 2U) << "nothing is waited for any more";
}

}  // namespace
}  // namespace fob::broker
