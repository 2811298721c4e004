#include "daemon/gateway/raw_head.hpp"
#include "daemon/gateway/rules.hpp"

#include <gtest/gtest.h>

namespace fob::gateway {
namespace {

config::Gateway listener() {
  config::Gateway gateway;
  gateway.name = "sdk";
  gateway.listen = "127.0.0.1:8787";
  gateway.origins = {"https://app.example"};
  gateway.routes = {"POST /v1/vps/map/query", "GET /v1/vps/map/*", "GET /v2/**"};
  return gateway;
}

Head head(std::string_view method, std::string_view target) {
  Head head{};
  head.method = method;
  head.target = target;
  head.host = "127.0.0.1:8787";
  return head;
}

class GatewayRules : public testing::Test {
 protected:
  Kind kind(const Head& asked) { return rules_.judge(asked).kind; }
  int status(const Head& asked) { return rules_.judge(asked).status; }

  Rules rules_{listener()};
};

TEST_F(GatewayRules, PassesWhatARouteNames) {
  EXPECT_EQ(kind(head("POST", "/v1/vps/map/query")), Kind::pass);
  EXPECT_EQ(kind(head("GET", "/v1/vps/map/hall-1?x=../y")), Kind::pass);
  EXPECT_EQ(kind(head("GET", "/v2/a/b/c")), Kind::pass);
  EXPECT_EQ(kind(head("POST", "/v1/m2m/token")), Kind::token);
  EXPECT_EQ(kind(head("POST", "/oauth/token")), Kind::oauth_token);
}

TEST_F(GatewayRules, RefusesAllElse) {
  for (const char* target :
       {"/v1/vps/map", "/v1/vps/map/", "/v1/vps/map/a/b", "/v2", "/v1/vps/map/query/..", "/"})
    EXPECT_EQ(kind(head("GET", target)), Kind::refused) << target;
  for (const char* method : {"DELETE", "PUT", "get", "TRACE", "OPTIONS", ""})
    EXPECT_EQ(kind(head(method, "/v1/vps/map/query")), Kind::refused) << method;
  EXPECT_EQ(status(head("GET", "/v1/m2m/token")), 405);
}

TEST_F(GatewayRules, RefusesPathsThatServersReadDifferently) {
  for (const char* target : {"/v1/vps/map/..",
                             "/v1/vps/map/.",
                             "/v1/vps/map/%2e%2e",
                             "/v1/vps/map/a%2fb",
                             "/v1/vps/map/a%5cb",
                             "/v1//map",
                             "/v1/vps/map/a%00",
                             "/v1/vps/map/%",
                             "/v1/vps/map/%4",
                             "/v1/vps/map/%zz",
                             "/v1/vps/map/a\\b",
                             "/v1/vps/map/a#b",
                             "/v1/vps/map/\xff",
                             "http://127.0.0.1/v1/vps/map/a",
                             "*",
                             "",
                             "127.0.0.1:443",
                             "/v1/vps/map/a%252e",
                             "/v2/..;/admin",
                             "/v1/vps/map/..;x=1",
                             "/v2/;/x"})
    EXPECT_EQ(status(head("GET", target)), 400) << target;
  EXPECT_EQ(kind(head("GET", "/v1/vps/map/a%20b")), Kind::refused) << "a space is one too many, too";
  EXPECT_EQ(kind(head("GET", "/v1/vps/map/a%41")), Kind::pass);
}

TEST_F(GatewayRules, IsReachedByItsOwnNamesAlone) {
  Head asked = head("GET", "/v1/vps/map/a");
  asked.host = "localhost:8787";
  EXPECT_EQ(kind(asked), Kind::pass);
  for (const char* host : {"evil.example", "evil.example:8787", "127.0.0.1", "127.0.0.1:80",
                           "localhost.:8787", "[::1]:8787", ""}) {
    asked.host = host;
    EXPECT_EQ(status(asked), 421) << host;
  }
}

TEST(GatewayRulesAtPort80, AreReachedWithoutThePortToo) {
  config::Gateway gateway = listener();
  gateway.listen = "127.0.0.1:80";
  Head asked = head("GET", "/v1/vps/map/a");
  asked.host = "127.0.0.1";
  EXPECT_EQ(Rules(gateway).judge(asked).kind, Kind::pass);
}

TEST_F(GatewayRules, LetsPagesOfItsOriginsInAndNoOthers) {
  Head asked = head("GET", "/v1/vps/map/a");
  asked.origin = "https://app.example";
  asked.browser = "cross-site";
  EXPECT_EQ(kind(asked), Kind::pass);
  EXPECT_TRUE(rules_.judge(asked).page);
  for (const char* origin : {"https://evil.example", "null", "http://app.example", "https://app.example:8443",
                             "https://app.example.evil", "https://APP.example"}) {
    asked.origin = origin;
    EXPECT_EQ(status(asked), 403) << origin;
    EXPECT_FALSE(rules_.judge(asked).page);
  }
  asked.origin = "";
  for (const char* site : {"cross-site", "same-site", "same-origin", "none", "x"}) {
    asked.browser = site;
    EXPECT_EQ(status(asked), 403) << site << ": an image, a link or a form";
  }
}

TEST_F(GatewayRules, AnswersAPreflightForWhatWouldPass) {
  Head asked = head("OPTIONS", "/v1/vps/map/a");
  asked.origin = "https://app.example";
  asked.asked_method = "GET";
  EXPECT_EQ(kind(asked), Kind::preflight);
  asked.asked_method = "DELETE";
  EXPECT_EQ(kind(asked), Kind::refused);
  asked.asked_method = "GET";
  asked.origin = "";
  EXPECT_EQ(kind(asked), Kind::refused);
}

TEST(RawHead, EndsAfterAnEmptyLineHoweverItIsWritten) {
  EXPECT_EQ(end_of_head("GET / HTTP/1.1\r\nA: b\r\n\r\nbody"), 24U);
  EXPECT_EQ(end_of_head("GET / HTTP/1.1\n\nX\r\n\r\n"), 16U);
  EXPECT_EQ(end_of_head("GET / HTTP/1.1\r\nA: b\r\n"), std::string_view::npos);
  EXPECT_EQ(end_of_head(""), std::string_view::npos);
}

TEST(RawHead, IsRefusedWhereALineGoesOnOrEndsBare) {
  EXPECT_FALSE(is_folded_or_bare("GET / HTTP/1.1\r\nA: b\r\n\r\n"));
  EXPECT_TRUE(is_folded_or_bare("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"));
  EXPECT_TRUE(is_folded_or_bare("GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n"));
  EXPECT_TRUE(is_folded_or_bare("GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n"));
  EXPECT_TRUE(is_folded_or_bare("\nGET / HTTP/1.1\r\n\r\n"));
}

}  // namespace
}  // namespace fob::gateway
