#include "ipc/client/app_client.hpp"
#include "ipc/client/control_client.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/unit/client_fake_fobd.hpp"

#include <gtest/gtest.h>

namespace fob::client {
namespace {

using test::FakeFobd;
using test::http_answer;

const std::string k_token_document =
    R"({"access_token":"abc.def","token_type":"Bearer","expires_in":300,"expires_at":"2026-01-31T00:05:00Z",)"
    R"("profile":"prod","scopes":["query"],"fingerprint":"01234567"})";

std::string first_line(const std::string& request) { return request.substr(0, request.find("\r\n")); }
std::string body(const std::string& request) { return request.substr(request.find("\r\n\r\n") + 4); }

class ClientCalls : public ::testing::Test {
 protected:
  test::TempDirectory directory_;
  const std::filesystem::path socket_ = directory_.path() / "s";
  SystemClock clock_;
  const AppClient app_{socket_, clock_};
  const ControlClient control_{socket_, clock_};
};

TEST_F(ClientCalls, ATokenComesWithItsDocument) {
  const FakeFobd fobd(socket_, http_answer(200, k_token_document));
  const auto reply = app_.token({"prod", std::chrono::milliseconds(2050), std::chrono::seconds(5)});
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->answer.access_token, "abc.def");
  EXPECT_EQ(reply->answer.profile, "prod");
  EXPECT_EQ(reply->document, k_token_document);
  EXPECT_EQ(first_line(fobd.requests().at(0)),
            "GET /v1/token?profile=prod&min_ttl=2.050&wait=5.000 HTTP/1.1");
}

TEST_F(ClientCalls, WhatIsLeftOutIsNotSent) {
  const FakeFobd fobd(socket_, http_answer(200, k_token_document));
  ASSERT_TRUE(app_.token({std::nullopt, std::nullopt, std::chrono::milliseconds(0)}));
  EXPECT_EQ(first_line(fobd.requests().at(0)), "GET /v1/token?wait=0.000 HTTP/1.1");
}

TEST_F(ClientCalls, AProfileCannotBreakOutOfTheTarget) {
  const FakeFobd fobd(socket_, http_answer(200, k_token_document));
  ASSERT_TRUE(app_.token({"a b&wait=9\r\nX: y#", std::nullopt, std::chrono::seconds(1)}));
  EXPECT_EQ(first_line(fobd.requests().at(0)),
            "GET /v1/token?profile=a%20b%26wait=9%0D%0AX:%20y%23&wait=1.000 HTTP/1.1");
}

TEST_F(ClientCalls, AnAnswerWithoutATokenIsAnError) {
  const FakeFobd fobd(socket_, http_answer(200, R"({"profile":"prod"})"));
  const auto reply = app_.token({});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::internal);
}

TEST_F(ClientCalls, ARejectedTokenIsReportedByItsFingerprint) {
  const FakeFobd fobd(socket_, http_answer(200, k_token_document));
  ASSERT_TRUE(app_.rejected("prod", "01234567"));
  EXPECT_EQ(first_line(fobd.requests().at(0)), "POST /v1/token/rejected HTTP/1.1");
  EXPECT_EQ(body(fobd.requests().at(0)), R"({"fingerprint":"01234567","profile":"prod"})");
}

TEST_F(ClientCalls, ProfilesComeAsTheyAre) {
  const FakeFobd fobd(socket_, http_answer(200, R"({"profiles":[]})"));
  const auto profiles = app_.profiles();
  ASSERT_TRUE(profiles);
  EXPECT_EQ(*profiles, R"({"profiles":[]})");
  EXPECT_EQ(first_line(fobd.requests().at(0)), "GET /v1/profiles HTTP/1.1");
}

TEST_F(ClientCalls, OperatorsNameTheProfileInTheBody) {
  const FakeFobd fobd(socket_, http_answer(200, "{}"));
  ASSERT_TRUE(control_.refresh("prod"));
  ASSERT_TRUE(control_.credentials_changed("prod"));
  ASSERT_TRUE(control_.reload());
  const auto requests = fobd.requests();
  EXPECT_EQ(first_line(requests.at(0)), "POST /v1/refresh HTTP/1.1");
  EXPECT_EQ(body(requests.at(0)), R"({"profile":"prod"})");
  EXPECT_EQ(first_line(requests.at(1)), "POST /v1/credentials/changed HTTP/1.1");
  EXPECT_EQ(body(requests.at(1)), R"({"profile":"prod"})");
  EXPECT_EQ(first_line(requests.at(2)), "POST /v1/reload HTTP/1.1");
}

TEST_F(ClientCalls, StatusComesAsItIs) {
  const FakeFobd fobd(socket_, http_answer(200, R"({"version":"0"})"));
  const auto status = control_.status();
  ASSERT_TRUE(status);
  EXPECT_EQ(*status, R"({"version":"0"})");
}

TEST_F(ClientCalls, AReloadThatFailsIsTheConfigurationsFault) {
  const FakeFobd fobd(socket_,
                      http_answer(503, R"({"type":"urn:fob:no-credential","detail":"fob.toml:3: no"})"));
  const auto reloaded = control_.reload();
  ASSERT_FALSE(reloaded);
  EXPECT_EQ(reloaded.error().code, ErrorCode::config);
  EXPECT_EQ(reloaded.error().detail, "fob.toml:3: no");
}

TEST_F(ClientCalls, AMissingGrantKeepsItsCode) {
  const FakeFobd fobd(socket_, http_answer(403, R"({"type":"urn:fob:not-granted","detail":"add a grant"})"));
  const auto reply = app_.token({});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::not_granted);
}

}  // namespace
}  // namespace fob::client
