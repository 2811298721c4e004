// An app that asks again and again is answered with what is ready: as long as that is what it would get
// anyway.
#include "daemon/broker/token_answer.hpp"

#include "daemon/broker/profile_state.hpp"
#include "tests/component/broker_fixture.hpp"

#include <gmock/gmock.h>

namespace fob::broker {
namespace {

using ::testing::HasSubstr;

class TokenRepeatTest : public BrokerTest {
 protected:
  void SetUp() override {
    broker_ = make_broker();
    handler_ = app_interface(*broker_, clock_);
    body_ = ask_again().body;
    ASSERT_THAT(body_, HasSubstr("token-1"));
  }

  // As the server asks for the second of two equal requests.
  Response ask_again(std::string target = "/v1/token", std::string accept = "") {
    Request request{"GET", std::move(target), std::move(accept), "", ourselves()};
    request.again = true;
    Response response = run(handler_(std::move(request)));
    repeat_ = response.repeat;
    return response;
  }

  std::string answer() {
    const std::string whole(repeat_->answer(::getpid()));
    return whole.empty() ? "" : whole.substr(whole.find("\r\n\r\n") + 4);
  }

  std::uint64_t served() const { return (*broker_->keeper("p"))->status().served; }

  std::unique_ptr<Broker> broker_;
  Handler handler_;
  std::shared_ptr<Repeat> repeat_;
  std::string body_;
};

TEST_F(TokenRepeatTest, IsNotMadeForARequestThatComesOnce) {
  EXPECT_EQ(ask(handler_, "GET", "/v1/token").repeat, nullptr);
}

TEST_F(TokenRepeatTest, SaysWhatTheHandlerSaysAndCountsTheSame) {
  ASSERT_NE(repeat_, nullptr);
  const auto before = served();
  EXPECT_EQ(answer(), body_);
  EXPECT_EQ(served(), before + 1);
  EXPECT_TRUE(
      repeat_->answer(::getpid()).starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"));
  ask_again("/v1/token", "text/plain");
  EXPECT_EQ(answer(), "token-1");
  EXPECT_TRUE(repeat_->answer(::getpid()).starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"));
}

TEST_F(TokenRepeatTest, TellsTheTimeThatIsLeftToTheSecond) {
  for (int second = 99; second > 90; --second) {
    clock_.advance(1s);
    EXPECT_THAT(answer(), HasSubstr("\"expires_in\":" + std::to_string(second)));
    EXPECT_EQ(answer(), ask(handler_, "GET", "/v1/token").body);
  }
}

TEST_F(TokenRepeatTest, FollowsAClockThatIsSetAtOnce) {
  const std::string before = answer();
  clock_.set_wall(clock_.wall_now() + std::chrono::days(1));
  EXPECT_NE(answer(), before);
  EXPECT_EQ(answer(), ask(handler_, "GET", "/v1/token").body);
}

TEST_F(TokenRepeatTest, IsOverWithItsTokenOrItsConfiguration) {
  EXPECT_FALSE(repeat_->is_over());
  ASSERT_TRUE(broker_->reload());
  EXPECT_TRUE(repeat_->is_over());
  ask_again();
  EXPECT_FALSE(repeat_->is_over());
  clock_.advance(101s);
  EXPECT_TRUE(repeat_->is_over());
}

TEST_F(TokenRepeatTest, AsksTheHandlerOnceTooLittleIsLeft) {
  clock_.advance(70s);
  ask_again();
  clock_.advance(19s);
  EXPECT_NE(answer(), "");
  clock_.advance(2s);
  EXPECT_EQ(answer(), "") << "10 s at least must be left";
}

TEST_F(TokenRepeatTest, NeverServesADeadToken) {
  clock_.advance(70s);
  ask_again("/v1/token?min_ttl=0");
  ASSERT_NE(repeat_, nullptr);
  clock_.advance(29s);
  EXPECT_NE(answer(), "");
  clock_.advance(1s);
  EXPECT_EQ(answer(), "");
}

TEST_F(TokenRepeatTest, AsksTheHandlerAfterEachReloadAndWithANewToken) {
  ASSERT_TRUE(reload_with(*broker_, k_config));
  EXPECT_EQ(answer(), "");
  ask_again();
  EXPECT_NE(answer(), "");
  ASSERT_TRUE(run((*broker_->keeper("p"))->refresh()));
  EXPECT_EQ(answer(), "");
}

TEST_F(TokenRepeatTest, IsWorthNothingOnceTheGrantIsGone) {
  ASSERT_TRUE(reload_with(*broker_, std::string(k_config) + "[[grant]]\nprofiles=[\"p\"]\nuser=\"4711\"\n"));
  EXPECT_EQ(answer(), "");
  EXPECT_EQ(ask(handler_, "GET", "/v1/token").status, 403);
}

TEST_F(TokenRepeatTest, IsNotMadeWhereThePeersUnitCounts) {
  ASSERT_TRUE(reload_with(*broker_, std::string(k_config) + "[[grant]]\nprofiles=[\"p\"]\nuser=\"" +
                                        std::to_string(::geteuid()) +
                                        "\"\n[[grant]]\nprofiles=[\"p\"]\nunit=\"a.service\"\n"));
  EXPECT_EQ(ask_again().status, 200);
  EXPECT_EQ(repeat_, nullptr);
}

TEST_F(TokenRepeatTest, IsCountedForTheProcessThatAsks) {
  const auto served_to = [&] {
    return profile_state_for_operators(**broker_->keeper("p"), clock_)["served_to"];
  };
  ASSERT_EQ(served_to().size(), 1U) << "the one whose request was answered in full";
  clock_.advance(1s);
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(repeat_->answer(::getpid()).empty());
  EXPECT_FALSE(repeat_->answer(4711).empty());
  const auto list = served_to();
  ASSERT_EQ(list.size(), 2U) << list;
  const auto& [other, own] =
      std::pair(list[list[0]["pid"] == 4711 ? 0 : 1], list[list[0]["pid"] == 4711 ? 1 : 0]);
  EXPECT_EQ(own["pid"], ::getpid());
  EXPECT_EQ(own["count"], 6);
  EXPECT_EQ(other["count"], 1);
  EXPECT_EQ(other["uid"], ::geteuid());
  EXPECT_EQ(other["at"], to_rfc3339(clock_.wall_now()));
  clock_.advance(3s);
  EXPECT_EQ(served_to(), list) << "it is when they were served, not when somebody looks";
}

TEST_F(TokenRepeatTest, IsAuditedAsARepeat) {
  const auto records = broker_->audit()->kept().size();
  for (int i = 0; i < 5; ++i) EXPECT_NE(answer(), "");
  EXPECT_EQ(broker_->audit()->kept().size(), records);
  // Once a minute it is told in full.
  clock_.advance(61s);
  EXPECT_EQ(answer(), "");
  ask_again();
  EXPECT_EQ(broker_->audit()->kept().back().repeats, 5U);
}

}  // namespace
}  // namespace fob::broker
