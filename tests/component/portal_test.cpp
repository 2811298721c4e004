// The developer portal without a browser: what its pages escape, what is shown once and for how long, and
// whom its routes refuse. What a person does with it is in tests/e2e/test_portal.py.
#include "tests/authority/html.hpp"
#include "tests/authority/portal_pages.hpp"
#include "tests/authority/sandbox.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/temp_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fob::authority {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* k_host = "localhost:8080";
constexpr const char* k_origin = "http://localhost:8080";

std::string header_of(const Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers)
    if (equal_ignoring_case(key, name)) return value;
  return "";
}

class Portal : public testing::Test {
 protected:
  Portal() {
    EXPECT_GE(sodium_init(), 0);
    auto account = Account::open(directory_.path() / "state.json");
    EXPECT_TRUE(account);
    sandbox_ = std::make_unique<Sandbox>(clock_, std::move(*account), Settings());
  }

  Response ask(const std::string& method, const std::string& target, Headers headers, std::string body = "") {
    return sandbox_->answer({method, target, std::move(headers), std::move(body)}, std::nullopt);
  }
  Response get(const std::string& target) { return ask("GET", target, {{"Host", k_host}}); }
  Response post(const std::string& target, std::string body = "") {
    return ask("POST", target, {{"Host", k_host}, {"Origin", k_origin}}, std::move(body));
  }
  /// Where the page is that shows a new credential.
  std::string create(const std::string& form = "name=device&scopes=query") {
    const auto response = post("/portal/credentials", form);
    EXPECT_EQ(response.status, 303) << response.body;
    return header_of(response, "Location");
  }
  const std::vector<Credential>& credentials() const { return sandbox_->world().account.credentials().all(); }

  test::TempDirectory directory_;
  test::ManualClock clock_;
  std::unique_ptr<Sandbox> sandbox_;
};

TEST(Html, EscapesWhatFillsItUnlessItIsHtmlItself) {
  EXPECT_EQ(html_escaped(R"(<a b="c" d='e'>&amp;)"), "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;");
  const std::string name = "<script>";
  EXPECT_EQ(Html::of("<p>{}</p>{}", name, Html::of("<br>")).text(), "<p>&lt;script&gt;</p><br>");
  EXPECT_EQ(Html::of("{}{}", "{}", "x").text(), "{}x") << "a hole in a text is none";
}

TEST(PortalPages, NameTheDownloadByHarmlessCharactersOnly) {
  EXPECT_EQ(file_name_of("prod-query"), "credential-prod-query.json");
  EXPECT_EQ(file_name_of("../../etc/passwd\""), "credential-etc-passwd.json");
  EXPECT_EQ(file_name_of("غرفة"), "credential.json");
  EXPECT_LE(file_name_of(std::string(100, 'a')).size(), 80U);
}

TEST_F(Portal, EscapesANameWhereverItIsShown) {
  const auto created = get(create("name=%3Cimg+src%3Dx%3E%22%27&scopes=query"));
  const auto& id = credentials().front().client_id;
  EXPECT_EQ(credentials().front().name, "<img src=x>\"'");
  const auto failed = post("/portal/credentials", "name=%3Cimg+src%3Dx%3E%22%27");
  for (const auto& page : {created, failed, get("/portal"), get("/portal/credentials/" + id + "/delete")}) {
    EXPECT_THAT(page.body, HasSubstr("&lt;img src=x&gt;&quot;&#39;"));
    EXPECT_THAT(page.body, Not(HasSubstr("<img")));
  }
}

TEST_F(Portal, ShowsASecretOnceAndNotToWhoeverComesTooLate) {
  const auto path = create();
  EXPECT_EQ(ask("HEAD", path, {{"Host", k_host}}).status, 405) << "no look";
  const auto shown = get(path);
  EXPECT_EQ(shown.status, 200);
  EXPECT_THAT(shown.body, HasSubstr("id=\"client-secret\""));
  EXPECT_EQ(get(path).status, 410);
  EXPECT_EQ(get("/portal/created/00000000000000000000000000000000").status, 410);

  const auto late = create();
  clock_.advance(std::chrono::minutes(5) + std::chrono::milliseconds(1));
  EXPECT_EQ(get(late).status, 410);
}

TEST_F(Portal, KeepsNoMoreThanSixteenSecretsWaiting) {
  const auto first = create();
  const auto second = create();
  for (int i = 0; i < 15; ++i) create();
  EXPECT_EQ(get(first).status, 410);
  EXPECT_EQ(get(second).status, 200);
}

TEST_F(Portal, RefusesFormsThatNoBrowserSends) {
  for (const char* form :
       {"", "name=&scopes=query", "name=a", "name=a&scopes=admin", "name=a&scopes=query&scopes=query",
        "name=%zz&scopes=query", "name=%f&scopes=query", "name=%ff&scopes=query", "name=a%00b&scopes=query",
        R"({"name":"a","scopes":["query"]})"})
    EXPECT_EQ(post("/portal/credentials", form).status, 400) << form;
  EXPECT_TRUE(credentials().empty());
  EXPECT_EQ(post("/portal/domains", "domains=%").status, 400);
}

TEST_F(Portal, TakesOriginsByTheLineWithoutTheSpaceAroundThem) {
  EXPECT_EQ(post("/portal/domains",
                 "domains=%0D%0A+https%3A%2F%2Fa.example%09%0D%0A%0D%0Ahttp%3A%2F%2Flocalhost%3A8")
                .status,
            303);
  EXPECT_EQ(sandbox_->world().account.domains(),
            (std::vector<std::string>{"https://a.example", "http://localhost:8"}));
  EXPECT_EQ(post("/portal/domains", "domains=+").status, 303);
  EXPECT_TRUE(sandbox_->world().account.domains().empty());
}

TEST_F(Portal, AnswersALoopbackHostAlone) {
  for (const char* host : {"localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:8080", "[::1]"})
    EXPECT_EQ(ask("GET", "/portal", {{"Host", host}}).status, 200) << host;
  for (const char* host : {"", "rebound.example", "localhost.rebound.example", "127.0.0.1.rebound.example",
                           "[::1].rebound.example", "[::1", "[::2]:1", "rebound.example:127"})
    for (const char* path : {"/", "/portal", "/portal/style.css", "/portal/nowhere"})
      EXPECT_EQ(ask("GET", path, {{"Host", host}}).status, 403) << host << path;
  EXPECT_EQ(ask("GET", "/portal", {}).status, 403);
}

TEST_F(Portal, LetsNothingBeChangedButByItsOwnPages) {
  create();
  const auto path = "/portal/credentials/" + credentials().front().client_id;
  for (const auto& route : {std::string("/portal/credentials"), path + "/deactivate", path + "/delete",
                            std::string("/portal/domains"), std::string("/portal/nowhere")}) {
    for (const char* origin : {"null", "https://localhost:8080", "http://localhost", "http://127.0.0.1:8080",
                               "http://localhost:8080.rebound.example", "https://app.example"})
      EXPECT_EQ(ask("POST", route, {{"Host", k_host}, {"Origin", origin}}, "name=a&scopes=query").status, 403)
          << origin;
    EXPECT_EQ(ask("POST", route, {{"Host", k_host}}, "name=a&scopes=query").status, 403);
    EXPECT_EQ(ask("POST", route, {{"Host", k_host}, {"Origin", k_origin}, {"Origin", k_origin}}).status, 400);
  }
  ASSERT_EQ(credentials().size(), 1U);
  EXPECT_TRUE(credentials().front().active);
}

TEST_F(Portal, KnowsWhetherItIsOverTls) {
  const auto status = [&](const char* origin) {
    return sandbox_
        ->answer({"POST", "/portal/domains", {{"Host", k_host}, {"Origin", origin}}, "domains=", true},
                 std::nullopt)
        .status;
  };
  EXPECT_EQ(status("https://localhost:8080"), 303);
  EXPECT_EQ(status("http://localhost:8080"), 403);
}

TEST_F(Portal, GuardsEachOfItsAnswers) {
  const auto page = create();
  for (const auto& answer :
       {get("/"), get("/portal"), get(page), get(page), get("/portal/nowhere"), get("/portal/copy.js"),
        post("/portal"), ask("GET", "/portal", {}), ask("OPTIONS", "/portal", {{"Host", k_host}})}) {
    EXPECT_EQ(header_of(answer, "Cache-Control"), "no-store");
    EXPECT_THAT(header_of(answer, "Content-Security-Policy"), HasSubstr("default-src 'none'"));
    EXPECT_EQ(header_of(answer, "X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(header_of(answer, "Access-Control-Allow-Origin"), "");
  }
  EXPECT_EQ(header_of(get("/"), "Location"), "/portal");
  EXPECT_EQ(header_of(post("/portal"), "Allow"), "GET");
}

TEST_F(Portal, SaysWhichCredentialIsNotThere) {
  for (const char* what : {"activate", "deactivate", "delete"})
    EXPECT_EQ(post(std::string("/portal/credentials/nobody/") + what).status, 404) << what;
  EXPECT_EQ(get("/portal/credentials/nobody/delete").status, 404);
}

}  // namespace
}  // namespace fob::authority
