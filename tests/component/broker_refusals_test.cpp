// What the two interfaces refuse before anything is judged, what a reload warns of, and what is wrong with
// what systemd or a unit says.
#include "daemon/broker/promotion_socket.hpp"
#include "daemon/broker/service_manager.hpp"
#include "tests/component/broker_fixture.hpp"
#include "tests/support/fake_unit.hpp"

#include <gmock/gmock.h>

#include <array>
#include <map>
#include <sys/socket.h>
#include <sys/un.h>

namespace fob::broker {
namespace {

using ::testing::HasSubstr;

class BrokerRefusalsTest : public BrokerTest {
 protected:
  Response app(Broker& broker, const std::string& method, const std::string& target,
               const std::string& body = "", transport::Peer peer = ourselves()) {
    return ask(app_interface(broker, clock_), method, target, body, "", std::move(peer));
  }
  Response operators(Broker& broker, const std::string& method, const std::string& target,
                     const std::string& body = "") {
    return ask(operator_interface(broker, clock_, {::geteuid(), std::nullopt}), method, target, body);
  }
  // What an app's request is answered that waits while `text` becomes the configuration.
  Response answered_after(Broker& broker, Request request, const std::string& text) {
    hang_ = true;
    std::optional<Response> answer;
    const Handler handler = app_interface(broker, clock_);
    asio::co_spawn(io_, handler(std::move(request)),
                   [&](std::exception_ptr, Response known) { answer = std::move(known); });
    io_.poll();
    EXPECT_FALSE(answer) << "it did not wait";
    EXPECT_TRUE(reload_with(broker, text));
    let_go();
    run_until([&] { return answer.has_value(); });
    return answer.value();
  }
  const std::string others_only_ = std::string(k_config) + "[[grant]]\nprofiles = [\"p\"]\nuser = \"4711\"\n";
};

TEST_F(BrokerRefusalsTest, ARequestThatMakesNoSenseIsAnsweredWithWhatIsWrong) {
  const auto broker = make_broker();
  for (const auto& [method, target, body] : std::vector<std::array<std::string, 3>>{
           {"GET", "/v1/token?wait=x", ""},
           {"GET", "/v1/events?wait=1", ""},
           {"GET", "/v1/token/page?profile=%2F", ""},
           {"GET", "/v1/token/page?profile=p", ""},  // without the upgrade
           {"GET", "/v1/profiles?profile=p", ""},
           {"POST", "/v1/token/rejected?profile=p", R"({"profile":"p","fingerprint":"01234567"})"},
           {"POST", "/v1/token/rejected", "nonsense"},
           {"GET", "no-path", ""}}) {
    const auto response = app(*broker, method, target, body);
    EXPECT_EQ(response.status, 400) << target;
    EXPECT_THAT(response.body, HasSubstr("urn:fob:bad-request")) << target;
  }
  EXPECT_LE(exchanges_, 1) << "none of them caused another than the first of all";
}

TEST_F(BrokerRefusalsTest, AStrangersRejectionCausesNoExchange) {
  const auto broker = make_broker();
  const transport::Peer stranger{::geteuid() + 1, ::getegid() + 1, 1, {}};
  const auto response =
      app(*broker, "POST", "/v1/token/rejected", R"({"profile":"p","fingerprint":"01234567"})", stranger);
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(app(*broker, "GET", "/v1/token/page?profile=p", "", stranger).status, 400);
}

TEST_F(BrokerRefusalsTest, OperatorsNameAProfileThatThereIs) {
  const auto broker = make_broker();
  for (const auto* path : {"/v1/refresh", "/v1/credentials/changed"}) {
    EXPECT_EQ(operators(*broker, "POST", path, R"({"profile":"other"})").status, 404) << path;
    EXPECT_EQ(operators(*broker, "POST", path, "{}").status, 400) << path;
  }
  for (const auto* query : {"?follow=2", "?follow=", "?fellow=1", "?follow=1&follow=1", "?a=1&b=2"})
    EXPECT_EQ(operators(*broker, "GET", std::string("/v1/audit") + query).status, 400) << query;
}

TEST_F(BrokerRefusalsTest, AGrantThatMatchesNobodyIsWarnedOf) {
  const auto broker = make_broker(std::string(k_config) +
                                  "[[grant]]\nprofiles = [\"p\"]\nuser = \"nobody-is-called-so\"\n"
                                  "[[grant]]\nprofiles = [\"p\"]\ngroup = \"nobody-is-called-so\"\n"
                                  "[[grant]]\nprofiles = [\"p\"]\napparmor = \"app\"\n"
                                  "[[grant]]\nprofiles = [\"p\"]\nselinux = \"app\"\n");
  for (const auto* words :
       {"there is no user", "there is no group", "AppArmor is not in force", "SELinux is not in force"})
    EXPECT_THAT(logged_.str(), HasSubstr(words));
  EXPECT_EQ(app(*broker, "GET", "/v1/token?profile=p").status, 403);
}

TEST_F(BrokerRefusalsTest, AnExchangeThatCannotEvenBeRunIsAFailureThatIsTriedAgain) {
  EXPECT_TRUE(replace_file(config_file(), k_config, 0600, ErrorCode::config));
  auto config = config::load(config_file());
  ASSERT_TRUE(config);
  Surroundings around = surroundings();
  bool broken = true;
  around.exchange = [&](wire::ExchangeRequest request) -> asio::awaitable<wire::ExchangeAnswer> {
    if (broken) throw std::runtime_error("a bug");
    return exchange(std::move(request));
  };
  Broker broker(std::move(*config), config_file(), ::geteuid(), around);
  const auto response = app(broker, "GET", "/v1/token?profile=p&wait=0.1");
  EXPECT_EQ(response.status, 503) << response.body;
  EXPECT_THAT(response.body, HasSubstr("fobd could not run the exchange; please report this"));
  broken = false;
  EXPECT_EQ(operators(broker, "POST", "/v1/refresh", R"({"profile":"p"})").status, 200);
  EXPECT_EQ(app(broker, "GET", "/v1/token?profile=p").status, 200);
}

TEST_F(BrokerRefusalsTest, WhoWaitsForARefreshHearsThatTheProfileIsGone) {
  hang_ = true;
  const auto broker = make_broker();
  std::optional<Response> waiting, refreshing;
  const auto begin = [&](const Handler& handler, Request request, std::optional<Response>& answer) {
    asio::co_spawn(io_, handler(std::move(request)),
                   [&answer](std::exception_ptr, Response known) { answer = std::move(known); });
  };
  const Handler apps = app_interface(*broker, clock_),
                control = operator_interface(*broker, clock_, {::geteuid(), std::nullopt});
  begin(apps, {"GET", "/v1/token?profile=p&wait=30", "", "", ourselves()}, waiting);
  begin(control, {"POST", "/v1/refresh", "", R"({"profile":"p"})", ourselves()}, refreshing);
  io_.poll();
  ASSERT_FALSE(waiting || refreshing);
  ASSERT_TRUE(reload_with(*broker, "[profile.q]\n"));
  run_until([&] { return waiting && refreshing; });
  ASSERT_TRUE(waiting && refreshing);
  EXPECT_EQ(refreshing->status, 404);
  EXPECT_THAT(refreshing->body, HasSubstr("taken out of the configuration"));
  EXPECT_EQ(waiting->status, 404);
}

TEST_F(BrokerRefusalsTest, TheMomentAGrantIsTakenAwayWhoWaitsGetsNothing) {
  const auto broker = make_broker();
  const auto response =
      answered_after(*broker, {"GET", "/v1/token?profile=p&wait=30", "", "", ourselves()}, others_only_);
  EXPECT_EQ(response.status, 403) << response.body;
  EXPECT_EQ(response.body.find("token-1"), std::string::npos);
}

TEST_F(BrokerRefusalsTest, AnotherProfilesGrantDoesNotStandInForOneThatWasTakenAway) {
  const std::string profiles =
      "[daemon]\ndefault_profile = \"p\"\n" + std::string(k_config) + "[profile.q]\n";
  const std::string user = "user = \"" + std::to_string(::geteuid()) + "\"\n";
  const auto broker = make_broker(profiles + "[[grant]]\nprofiles = [\"p\", \"q\"]\n" + user);
  const auto response = answered_after(*broker, {"GET", "/v1/token?wait=30", "", "", ourselves()},
                                       profiles + "[[grant]]\nprofiles = [\"q\"]\n" + user);
  EXPECT_EQ(response.status, 403) << response.body;
}

TEST_F(BrokerRefusalsTest, WhoReportedATokenGetsNoOtherOnceItsGrantIsTakenAway) {
  const auto broker = make_broker();
  const auto first = run((*broker->keeper("p"))->refresh()).value();
  clock_.advance(60s);
  const std::string report = R"({"profile":"p","fingerprint":")" + first->fingerprint + "\"}";
  const auto response =
      answered_after(*broker, {"POST", "/v1/token/rejected", "", report, ourselves()}, others_only_);
  EXPECT_EQ(response.status, 403) << response.body;
  EXPECT_EQ(exchanges_, 2);
}

TEST(ServiceManagerVariables, ThatAreNoNumbersAreAFailedStart) {
  const test::TempDirectory directory;
  const auto socket = directory.path() / "notify";
  const UniqueFd listens(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{AF_UNIX, {}};
  socket.string().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listens.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const auto with = [&](std::map<std::string, std::string> variables) {
    variables["NOTIFY_SOCKET"] = socket.string();
    return ServiceManager::of(
        [&](const char* name) {
          const auto found = variables.find(name);
          return found == variables.end() ? std::nullopt : std::optional(found->second);
        },
        1);
  };
  EXPECT_TRUE(with({}));
  EXPECT_FALSE(with({{"WATCHDOG_USEC", "0"}})->watchdog()) << "none is wanted";
  for (const std::string text : {"", "soon", "1x", "-1"}) {
    const auto manager = with({{"WATCHDOG_USEC", text}});
    ASSERT_FALSE(manager) << text;
    EXPECT_THAT(manager.error().detail, HasSubstr("WATCHDOG_USEC is no number"));
    EXPECT_FALSE(with({{"WATCHDOG_USEC", "1000000"}, {"WATCHDOG_PID", text}})) << text;
  }
}

class PromotionSocketTest : public ::testing::Test {
 protected:
  PromotionOutcome promoted_at(const std::filesystem::path& socket) {
    const Promote ask = promote_by_socket(io_.get_executor(), socket, 30s);
    std::optional<PromotionOutcome> outcome;
    asio::co_spawn(io_, ask("p", 7),
                   [&](std::exception_ptr, PromotionOutcome known) { outcome = std::move(known); });
    io_.restart();
    io_.run();
    return *outcome;
  }
  test::TempDirectory directory_;
  asio::io_context io_{1};
};

TEST_F(PromotionSocketTest, ThatCannotBeAskedSaysWhyAndWhereToLook) {
  const auto socket = directory_.path() / "promote.sock";
  EXPECT_THAT(promoted_at(socket).detail, HasSubstr("there is no fob-promote.socket"));
  { const test::FakeUnit gone(socket, {}); }
  EXPECT_THAT(promoted_at(socket).detail, HasSubstr("nobody listens for fob-promote"));
  const auto endless = directory_.path() / std::string(200, 'x');
  EXPECT_THAT(promoted_at(endless).detail, HasSubstr("cannot connect"));
  EXPECT_EQ(promoted_at(endless).outcome, core::Promotion::failed);
}

}  // namespace
}  // namespace fob::broker
