// The sandbox's own behaviour, without its network: what is kept of a secret, which tokens count, what each
// route asks. Everybody else's tests lean on this.
#include "ipc/base/file.hpp"
#include "tests/authority/basic_auth.hpp"
#include "tests/authority/certificates.hpp"
#include "tests/authority/jwt.hpp"
#include "tests/authority/sandbox.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/temp_directory.hpp"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sodium.h>

#include <memory>
#include <string>
#include <sys/stat.h>
#include <utility>
#include <vector>

namespace fob::authority {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::ManualClock;
using test::TempDirectory;

// A secret only in name: it belongs to no account anywhere.
constexpr const char* k_wrong_secret = "0000000000000000000000000000000000000000000000000000000000000000";

std::string base64(std::string_view text) {
  std::string out(sodium_base64_encoded_len(text.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                    sodium_base64_VARIANT_ORIGINAL);
  out.pop_back();
  return out;
}

std::string basic(const std::string& id, const std::string& secret) {
  return "Basic " + base64(id + ":" + secret);
}

std::string header_of(const Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers)
    if (equal_ignoring_case(key, name)) return value;
  return "";
}

Json body_of(const Response& response) { return Json::parse(response.body, nullptr, false); }

struct Pair {
  std::string id;
  std::string secret;
};

class Authority : public testing::Test {
 protected:
  Authority() {
    EXPECT_GE(sodium_init(), 0);
    restart();
  }

  void restart() {
    auto account = Account::open(file());
    ASSERT_TRUE(account) << account.error().detail;
    sandbox_ = std::make_unique<Sandbox>(clock_, std::move(*account), Settings());
  }

  std::filesystem::path file() const { return directory_.path() / "state.json"; }
  std::string saved() const { return read_file(file(), 1 << 20, ErrorCode::internal).value(); }

  Response ask(const std::string& method, const std::string& target, Headers headers = {},
               std::string body = "") {
    const Request request{method, target, std::move(headers), std::move(body)};
    const auto fault = sandbox_->take_fault(request);
    return sandbox_->answer(request, fault);
  }

  Response admin(const std::string& method, const std::string& path, const Json& body = Json()) {
    return ask(method, "/sandbox/" + path, {{"Host", "localhost:8080"}, {"Fob-Sandbox-Admin", "1"}},
               body.is_null() ? "" : body.dump());
  }

  Pair create(const Json& scopes) {
    const Json made = body_of(admin("POST", "credentials", {{"name", "a name"}, {"scopes", scopes}}));
    return {made.value("clientId", ""), made.value("clientSecret", "")};
  }

  Response exchange(const Pair& pair, std::string body = "{}") {
    return ask("POST", "/v1/m2m/token", {{"Authorization", basic(pair.id, pair.secret)}}, std::move(body));
  }
  std::string token_of(const Pair& pair) { return body_of(exchange(pair)).value("token", ""); }

  Response oauth(Headers headers, std::string body) {
    headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    return ask("POST", "/oauth/token", std::move(headers), std::move(body));
  }

  Response call(const std::string& method, const std::string& path, const std::string& token,
                Headers headers = {}) {
    headers.emplace_back("Authorization", "Bearer " + token);
    return ask(method, path, std::move(headers));
  }
  int query(const std::string& token) { return call("POST", "/v1/vps/map/query-form", token).status; }

  void set(const Json& settings) { ASSERT_EQ(admin("PUT", "settings", settings).status, 200); }
  void fail_with(const Json& fault) { ASSERT_EQ(admin("PUT", "fault", fault).status, 200) << fault; }

  TempDirectory directory_;
  ManualClock clock_;
  std::unique_ptr<Sandbox> sandbox_;
};

// ---- credentials

TEST_F(Authority, CreatesAClientIdThatIsAUuidAndASecretOf64HexCharacters) {
  const auto pair = create({"query"});
  ASSERT_EQ(pair.id.size(), 36U);
  EXPECT_EQ(pair.id[8], '-');
  EXPECT_EQ(pair.id[14], '4');
  EXPECT_EQ(pair.secret.size(), 64U);
  EXPECT_EQ(pair.secret.find_first_not_of("0123456789abcdef"), std::string::npos);
}

TEST_F(Authority, NeverKeepsASecretInClearNorShowsItAgain) {
  const auto pair = create({"query"});
  ASSERT_EQ(exchange(pair).status, 200);
  ASSERT_TRUE(sandbox_->world().account.save());
  EXPECT_EQ(saved().find(pair.secret), std::string::npos);
  const auto list = admin("GET", "credentials").body;
  EXPECT_NE(list.find(pair.id), std::string::npos);
  EXPECT_EQ(list.find(pair.secret), std::string::npos);
  EXPECT_EQ(list.find("ecretHash"), std::string::npos);
}

TEST_F(Authority, KeepsItsStateForItsOwnerAlone) {
  struct stat info {};
  ASSERT_EQ(::stat(file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0600U);
}

TEST_F(Authority, ListsACredentialWithNameScopesAndTimesButNotBeforeItIsUsed) {
  const auto pair = create({"query", "write"});
  auto item = body_of(admin("GET", "credentials"))["credentials"][0];
  EXPECT_EQ(item["name"], "a name");
  EXPECT_EQ(item["scopes"], Json({"query", "write"}));
  EXPECT_EQ(item["active"], true);
  EXPECT_EQ(item["created"], "2026-01-31T00:00:00Z");
  EXPECT_TRUE(item["lastUsed"].is_null());
  clock_.advance(seconds(61));
  exchange(pair);
  item = body_of(admin("GET", "credentials"))["credentials"][0];
  EXPECT_EQ(item["lastUsed"], "2026-01-31T00:01:01Z");
}

TEST_F(Authority, RefusesToCreateACredentialWithoutANameOrWithScopesItDoesNotKnow) {
  for (const Json& wanted :
       {Json{{"name", ""}, {"scopes", {"query"}}}, Json{{"name", "x"}, {"scopes", Json::array()}},
        Json{{"name", "x"}, {"scopes", {"admin"}}}, Json{{"name", "x"}, {"scopes", "query"}},
        Json{{"name", "x"}, {"scopes", {"query", "query"}}}, Json{{"name", "x"}},
        Json{{"name", "a\nb"}, {"scopes", {"query"}}},
        Json{{"name", "x"}, {"scopes", {"query"}}, {"clientSecret", "mine"}}})
    EXPECT_EQ(admin("POST", "credentials", wanted).status, 400) << wanted;
  EXPECT_TRUE(sandbox_->world().account.credentials().all().empty());
}

TEST_F(Authority, RefusesADeactivatedCredentialUntilItIsActivatedAgain) {
  const auto pair = create({"query"});
  EXPECT_EQ(body_of(admin("POST", "credentials/" + pair.id + "/deactivate"))["active"], false);
  EXPECT_EQ(exchange(pair).status, 401);
  EXPECT_EQ(body_of(admin("POST", "credentials/" + pair.id + "/activate"))["active"], true);
  EXPECT_EQ(exchange(pair).status, 200);
}

TEST_F(Authority, ForgetsADeletedCredential) {
  const auto pair = create({"query"});
  EXPECT_EQ(admin("DELETE", "credentials/" + pair.id).status, 204);
  EXPECT_EQ(exchange(pair).status, 401);
  EXPECT_EQ(admin("DELETE", "credentials/" + pair.id).status, 404);
  EXPECT_EQ(admin("POST", "credentials/" + pair.id + "/activate").status, 404);
}

// ---- restart

TEST_F(Authority, KeepsCredentialsDomainsAndTheValidityOfTokensOverARestart) {
  const auto pair = create({"query"});
  const auto off = create({"query"});
  admin("POST", "credentials/" + off.id + "/deactivate");
  admin("PUT", "domains", {{"domains", {"https://app.example"}}});
  const auto token = token_of(pair);
  restart();
  EXPECT_EQ(query(token), 200);
  EXPECT_EQ(exchange(pair).status, 200);
  EXPECT_EQ(exchange(off).status, 401);
  EXPECT_EQ(body_of(admin("GET", "domains"))["domains"], Json({"https://app.example"}));
}

TEST_F(Authority, RefusesToStartOnADamagedStateFileRatherThanStartingAnew) {
  for (const char* damage :
       {"", "{", "[]", "{}", R"({"v":2})", R"({"v":1,"jwtKey":"00","credentials":[]})"}) {
    ASSERT_TRUE(replace_file(file(), damage, 0600, ErrorCode::internal));
    EXPECT_FALSE(Account::open(file())) << damage;
  }
}

TEST_F(Authority, ChangesNothingWhenTheChangeCannotBeSaved) {
  const auto pair = create({"query"});
  std::filesystem::remove_all(directory_.path());
  EXPECT_EQ(admin("POST", "credentials/" + pair.id + "/deactivate").status, 503);
  EXPECT_EQ(exchange(pair).status, 200);
}

// ---- the vendor's token route

TEST_F(Authority, AnswersAnExchangeWithATokenAndItsExpiryAndTheDate) {
  const auto pair = create({"query"});
  for (const char* body : {"", "{}"}) {
    const auto response = exchange(pair, body);
    ASSERT_EQ(response.status, 200);
    const auto answer = body_of(response);
    EXPECT_EQ(answer.size(), 2U);
    EXPECT_EQ(answer["expiresOn"], "2026-01-31T00:05:00Z");
    EXPECT_EQ(header_of(response, "Date"), "Sat, 31 Jan 2026 00:00:00 GMT");
    EXPECT_EQ(header_of(response, "Fob-Sandbox"), "not-for-production");
    EXPECT_EQ(header_of(response, "Cache-Control"), "no-store");
  }
}

TEST_F(Authority, SaysInItsTokensThatItIsASandbox) {
  const auto claims = verify(token_of(create({"query", "delete"})), sandbox_->world().account.key());
  ASSERT_TRUE(claims);
  EXPECT_NE(k_issuer.find("sandbox"), std::string_view::npos);
  EXPECT_EQ(claims->scopes, (std::vector<std::string>{"query", "delete"}));
  EXPECT_EQ(claims->expires - claims->issued, seconds(300));
}

TEST_F(Authority, RefusesAWrongSecretAndAnUnknownClientAlike) {
  const auto pair = create({"query"});
  const auto wrong = exchange({pair.id, k_wrong_secret});
  const auto unknown = exchange({"1b671a64-40d5-491e-99b0-da01ff1f3341", pair.secret});
  EXPECT_EQ(wrong.status, 401);
  EXPECT_EQ(unknown.status, 401);
  EXPECT_EQ(wrong.body, unknown.body);
  EXPECT_TRUE(body_of(wrong)["error"].is_string());
}

TEST_F(Authority, RefusesTheSecretOfAnotherCredential) {
  const auto one = create({"query"});
  const auto other = create({"query"});
  EXPECT_EQ(exchange({one.id, other.secret}).status, 401);
}

TEST_F(Authority, RefusesEachMalformedBasicAsMalformed) {
  const auto pair = create({"query"});
  const std::string good = basic(pair.id, pair.secret);
  const std::string encoded = good.substr(6);
  for (const std::string& value :
       {std::string(), std::string("Basic"), std::string("Basic "), std::string("Basic    "),
        "Bearer " + encoded, encoded, "Basic" + encoded, "Basic " + encoded + "=",
        "Basic " + encoded.substr(1), "Basic " + encoded + " x", std::string("Basic !!!!"),
        "Basic " + base64("no-colon"), "Basic " + base64(":secret-alone"), "Basic " + base64("a\nb:c"),
        "Basic " + base64(std::string("a\0b:c", 5))})
    EXPECT_EQ(ask("POST", "/v1/m2m/token", {{"Authorization", value}}).status, 400) << value;
  EXPECT_EQ(ask("POST", "/v1/m2m/token").status, 400);
  EXPECT_EQ(ask("POST", "/v1/m2m/token", {{"Authorization", good}, {"authorization", good}}).status, 400);
}

TEST_F(Authority, TakesBasicInAnyCaseAndWithManySpaces) {
  const auto pair = create({"query"});
  const std::string encoded = basic(pair.id, pair.secret).substr(6);
  EXPECT_EQ(ask("POST", "/v1/m2m/token", {{"AUTHORIZATION", "bAsIc   " + encoded}}).status, 200);
}

TEST_F(Authority, RefusesABodyThatIsNotAnObjectAndAnyOtherMethod) {
  const auto pair = create({"query"});
  for (const char* body : {"[]", "1", "{", "grant_type=client_credentials"})
    EXPECT_EQ(exchange(pair, body).status, 400);
  const auto response = ask("GET", "/v1/m2m/token", {{"Authorization", basic(pair.id, pair.secret)}});
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(header_of(response, "Allow"), "POST, OPTIONS");
}

// ---- lifetime

TEST_F(Authority, LetsATokenDieAtTheVeryInstantOfItsExpiry) {
  const auto token = token_of(create({"query"}));
  clock_.advance(milliseconds(299'999));
  EXPECT_EQ(query(token), 200);
  clock_.advance(milliseconds(1));
  EXPECT_EQ(query(token), 401);
}

TEST_F(Authority, NeverGivesATokenMoreThanItsLifetimeWhenTheClockIsBetweenSeconds) {
  clock_.advance(milliseconds(700));
  const auto pair = create({"query"});
  const auto token = token_of(pair);
  clock_.advance(milliseconds(299'299));
  EXPECT_EQ(query(token), 200);
  clock_.advance(milliseconds(1));
  EXPECT_EQ(query(token), 401);
}

TEST_F(Authority, KeepsTheTokensOfADeactivatedOrDeletedCredentialUntilTheyExpire) {
  const auto pair = create({"query"});
  const auto token = token_of(pair);
  admin("POST", "credentials/" + pair.id + "/deactivate");
  EXPECT_EQ(query(token), 200);
  admin("DELETE", "credentials/" + pair.id);
  EXPECT_EQ(query(token), 200);
  clock_.advance(seconds(300));
  EXPECT_EQ(query(token), 401);
}

TEST_F(Authority, ShiftsDateExpiryAndClaimsTogetherByTheClockOffset) {
  set({{"clock_offset_s", -3600.5}});
  const auto response = exchange(create({"query"}));
  EXPECT_EQ(header_of(response, "Date"), "Fri, 30 Jan 2026 22:59:59 GMT");
  EXPECT_EQ(body_of(response)["expiresOn"], "2026-01-30T23:04:59Z");
  const std::string token = body_of(response)["token"];
  const auto claims = verify(token, sandbox_->world().account.key());
  ASSERT_TRUE(claims);
  EXPECT_EQ(to_rfc3339(claims->issued), "2026-01-30T22:59:59Z");
  EXPECT_EQ(to_rfc3339(claims->expires), "2026-01-30T23:04:59Z");
  EXPECT_EQ(query(token), 200);
}

TEST_F(Authority, TellsTheExpiryInTheShapeThatWasSet) {
  const auto pair = create({"query"});
  const std::vector<std::pair<const char*, Json>> shapes = {
      {"iso_z", "2026-01-31T00:05:00Z"},
      {"iso_ms", "2026-01-31T00:05:00.000Z"},
      {"iso_us", "2026-01-31T00:05:00.000000Z"},
      {"iso_offset", "2026-01-31T00:05:00+00:00"},
      {"iso_naive", "2026-01-31T00:05:00"},
      {"epoch_s", 1769817900},
      {"epoch_ms", 1769817900000},
      {"rfc1123", "Sat, 31 Jan 2026 00:05:00 GMT"},
  };
  for (const auto& [name, expected] : shapes) {
    set({{"expiry_shape", name}});
    EXPECT_EQ(body_of(exchange(pair))["expiresOn"], expected) << name;
  }
  set({{"expiry_shape", "expires_in"}});
  const auto answer = body_of(exchange(pair));
  EXPECT_EQ(answer["expires_in"], 300);
  EXPECT_FALSE(answer.contains("expiresOn"));
}

TEST_F(Authority, RefusesSettingsThatItDoesNotKnowOrThatMakeNoSense) {
  for (const Json& settings :
       {Json{{"lifetime", 5}}, Json{{"lifetime_s", 0}}, Json{{"lifetime_s", -1}}, Json{{"lifetime_s", "5"}},
        Json{{"lifetime_s", 1e300}}, Json{{"clock_offset_s", 1e12}}, Json{{"clock_offset_s", nullptr}},
        Json{{"expiry_shape", "sundial"}}, Json{{"expiry_shape", 1}}})
    EXPECT_EQ(admin("PUT", "settings", settings).status, 400) << settings;
  EXPECT_EQ(body_of(admin("GET", "settings"))["lifetime_s"], 300.0);
}

// ---- tokens

TEST_F(Authority, RefusesATokenOfWhichAnyCharacterWasChanged) {
  const auto token = token_of(create({"query"}));
  for (std::size_t i = 0; i < token.size(); ++i) {
    auto forged = token;
    forged[i] = forged[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(verify(forged, sandbox_->world().account.key())) << i;
  }
}

TEST_F(Authority, RefusesAnUnsignedTokenAnotherKeysTokenAndOnesWithoutThreeParts) {
  const auto token = token_of(create({"query"}));
  const auto key = sandbox_->world().account.key();
  const auto body = token.substr(token.find('.'), token.rfind('.') - token.find('.'));
  const std::string none = "eyJhbGciOiJub25lIn0" + body + ".";
  JwtKey other = key;
  other[0] ^= 1U;
  for (const std::string& forged :
       {std::string(), std::string("."), std::string(".."), none, token + "A",
        token.substr(0, token.rfind('.')), token + "." + token,
        sign({"someone", {"query"}, {}, {}, {}, ""}, other), std::string(1 << 20, '.')})
    EXPECT_FALSE(verify(forged, key)) << forged.substr(0, 80);
  EXPECT_TRUE(verify(token, key));
}

// ---- API routes

TEST_F(Authority, AnswersEachRouteToATokenWithItsScopeAndToNoOther) {
  const std::vector<std::pair<std::string, std::vector<std::pair<const char*, const char*>>>> table = {
      {"query",
       {{"POST", "/v1/vps/map/query-form"},
        {"POST", "/v1/vps/map/query"},
        {"POST", "/v1/vps/map/multi-image-query"},
        {"POST", "/v1/vps/object/query"},
        {"GET", "/v1/vps/map"},
        {"GET", "/v1/vps/map/MAP_1?x=y"},
        {"GET", "/v1/vps/map-set"},
        {"GET", "/v1/vps/map-set/SET_1"},
        {"GET", "/v1/vps/object"},
        {"GET", "/v1/file?key=a"}}},
      {"write",
       {{"POST", "/v2/vps/map"},
        {"POST", "/v2/vps/map/complete-upload/7"},
        {"POST", "/v1/vps/map/MAP_1/georeference"}}},
      {"delete", {{"DELETE", "/v1/vps/map/7"}}}};
  for (const auto& [scope, routes] : table) {
    for (const std::string held : {"query", "write", "delete"}) {
      const auto token = token_of(create({held}));
      for (const auto& [method, path] : routes) {
        const auto response = call(method, path, token);
        EXPECT_EQ(response.status, held == scope ? 200 : 403) << held << " " << method << " " << path;
        if (held != scope) {
          EXPECT_EQ(body_of(response)["error"], "Insufficient scope permissions for this endpoint");
        }
      }
    }
  }
}

TEST_F(Authority, AnswersAQueryWithAPose) {
  const auto answer = body_of(call("POST", "/v1/vps/map/query-form", token_of(create({"query"}))));
  EXPECT_EQ(answer["poseFound"], true);
  for (const char* member : {"position", "rotation", "confidence", "mapIds"})
    EXPECT_TRUE(answer.contains(member));
}

TEST_F(Authority, RefusesAnApiCallWithoutATokenOrWithTheBasicPair) {
  const auto pair = create({"query"});
  EXPECT_EQ(ask("GET", "/v1/vps/map").status, 401);
  EXPECT_EQ(ask("GET", "/v1/vps/map", {{"Authorization", basic(pair.id, pair.secret)}}).status, 401);
  EXPECT_EQ(query("not.a.token"), 401);
}

TEST_F(Authority, KnowsNoRouteButItsOwn) {
  const auto token = token_of(create({"query", "write", "delete"}));
  for (const char* path :
       {"/v1", "/v1/vps/map/", "/v1/vps/map/a/b", "/v1/vps/map//georeference", "*", "/sandbox"})
    EXPECT_EQ(call("GET", path, token).status, 404) << path;
  EXPECT_EQ(header_of(call("PUT", "/v1/vps/map/a", token), "Allow"), "GET, DELETE");
}

// ---- web origins

TEST_F(Authority, LetsOnlyAllowedOriginsUseTheApi) {
  const auto token = token_of(create({"query"}));
  admin("PUT", "domains", {{"domains", {"https://app.example"}}});
  const auto allowed = call("GET", "/v1/vps/map", token, {{"Origin", "https://app.example"}});
  EXPECT_EQ(allowed.status, 200);
  EXPECT_EQ(header_of(allowed, "Access-Control-Allow-Origin"), "https://app.example");
  EXPECT_EQ(header_of(allowed, "Vary"), "Origin");
  for (const char* origin :
       {"https://evil.example", "https://app.example.evil.example", "http://app.example", "null"}) {
    const auto refused = call("GET", "/v1/vps/map", token, {{"Origin", origin}});
    EXPECT_EQ(refused.status, 403) << origin;
    EXPECT_EQ(header_of(refused, "Access-Control-Allow-Origin"), "") << origin;
  }
  EXPECT_EQ(call("GET", "/v1/vps/map", token).status, 200);
}

TEST_F(Authority, AnswersThePreflightOfAllowedOriginsAlone) {
  admin("PUT", "domains", {{"domains", {"https://app.example"}}});
  for (const char* path : {"/v1/vps/map", "/v1/m2m/token"}) {
    const auto allowed = ask("OPTIONS", path, {{"Origin", "https://app.example"}});
    EXPECT_EQ(allowed.status, 204);
    EXPECT_EQ(header_of(allowed, "Access-Control-Allow-Origin"), "https://app.example");
    EXPECT_NE(header_of(allowed, "Access-Control-Allow-Headers").find("Authorization"), std::string::npos);
    EXPECT_EQ(ask("OPTIONS", path, {{"Origin", "https://evil.example"}}).status, 403);
    EXPECT_EQ(ask("OPTIONS", path).status, 403);
  }
}

TEST_F(Authority, RefusesDomainsThatAreNotOrigins) {
  for (const char* domain : {"", "app.example", "https://", "https://app.example/", "https://a\r\nX: y", "*"})
    EXPECT_EQ(admin("PUT", "domains", {{"domains", {domain}}}).status, 400) << domain;
}

// ---- OAuth

TEST_F(Authority, GivesAnOauthTokenToAClientThatAuthenticatesEitherWay) {
  const auto pair = create({"query", "write"});
  const auto by_header =
      oauth({{"Authorization", basic(pair.id, pair.secret)}}, "grant_type=client_credentials");
  const auto by_body =
      oauth({}, "grant_type=client_credentials&client_id=" + pair.id + "&client_secret=" + pair.secret);
  for (const auto& response : {by_header, by_body}) {
    ASSERT_EQ(response.status, 200) << response.body;
    const auto answer = body_of(response);
    EXPECT_EQ(answer["token_type"], "Bearer");
    EXPECT_EQ(answer["expires_in"], 300);
    EXPECT_EQ(answer["scope"], "query write");
    EXPECT_EQ(query(answer["access_token"]), 200);
  }
}

TEST_F(Authority, NarrowsAnOauthTokenToTheScopesThatWereAskedFor) {
  const auto pair = create({"query", "write"});
  const Headers client = {{"Authorization", basic(pair.id, pair.secret)}};
  const auto answer = body_of(oauth(client, "grant_type=client_credentials&scope=write"));
  EXPECT_EQ(answer["scope"], "write");
  EXPECT_EQ(query(answer["access_token"]), 403);
  const auto refused = oauth(client, "grant_type=client_credentials&scope=query+delete");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(body_of(refused)["error"], "invalid_scope");
}

TEST_F(Authority, PutsAudienceAndResourceIntoTheOauthToken) {
  const auto pair = create({"query"});
  const auto answer =
      body_of(oauth({{"Authorization", basic(pair.id, pair.secret)}},
                    "grant_type=client_credentials&audience=https%3A%2F%2Fa&resource=urn:b&resource=urn:c"));
  const auto claims = verify(std::string(answer["access_token"]), sandbox_->world().account.key());
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->audience, (std::vector<std::string>{"https://a", "urn:b", "urn:c"}));
}

TEST_F(Authority, AnswersOauthMistakesInTheShapeOfTheRfc) {
  const auto pair = create({"query"});
  const Headers client = {{"Authorization", basic(pair.id, pair.secret)}};
  const std::vector<std::pair<std::string, std::string>> mistakes = {
      {"", "invalid_request"},
      {"grant_type=password", "unsupported_grant_type"},
      {"grant_type=client_credentials&grant_type=client_credentials", "invalid_request"},
      {"grant_type=client_credentials&scope=%zz", "invalid_request"},
      {"grant_type=client_credentials&client_secret=" + pair.secret, "invalid_request"}};
  for (const auto& [body, error] : mistakes) {
    const auto response = oauth(client, body);
    EXPECT_EQ(response.status, 400) << body;
    EXPECT_EQ(body_of(response)["error"], error) << body;
  }
  EXPECT_EQ(body_of(ask("POST", "/oauth/token", client, "{}"))["error"], "invalid_request");
  const auto stranger =
      oauth({{"Authorization", basic(pair.id, k_wrong_secret)}}, "grant_type=client_credentials");
  EXPECT_EQ(stranger.status, 401);
  EXPECT_EQ(body_of(stranger)["error"], "invalid_client");
  EXPECT_NE(header_of(stranger, "WWW-Authenticate").find("Basic"), std::string::npos);
  EXPECT_EQ(oauth({}, "grant_type=client_credentials").status, 401);
}

// ---- admin routes, stats, faults

TEST_F(Authority, KeepsItsAdminRoutesFromWebPages) {
  const std::string path = "/sandbox/credentials";
  const auto status = [&](Headers headers) { return ask("GET", path, std::move(headers)).status; };
  EXPECT_EQ(status({{"Host", "localhost:1"}, {"Fob-Sandbox-Admin", "1"}}), 200);
  EXPECT_EQ(status({{"Host", "127.0.0.1:1"}, {"Fob-Sandbox-Admin", "1"}}), 200);
  EXPECT_EQ(status({{"Host", "[::1]:1"}, {"Fob-Sandbox-Admin", "1"}}), 200);
  EXPECT_EQ(status({{"Host", "localhost:1"}}), 403);
  EXPECT_EQ(status({{"Host", "localhost:1"}, {"Fob-Sandbox-Admin", "0"}}), 403);
  EXPECT_EQ(status({{"Host", "rebound.example:1"}, {"Fob-Sandbox-Admin", "1"}}), 403);
  EXPECT_EQ(status({{"Host", "localhost.evil.example"}, {"Fob-Sandbox-Admin", "1"}}), 403);
  EXPECT_EQ(status({{"Fob-Sandbox-Admin", "1"}}), 403);
  EXPECT_EQ(status({{"Host", "localhost:1"}, {"Fob-Sandbox-Admin", "1"}, {"Origin", "https://app.example"}}),
            403);
  EXPECT_EQ(ask("OPTIONS", path, {{"Host", "localhost:1"}, {"Origin", "https://app.example"}}).status, 403);
}

TEST_F(Authority, CountsExchangesAndCallsByTheirOutcome) {
  const auto pair = create({"query"});
  const auto token = token_of(pair);
  exchange({pair.id, k_wrong_secret});
  exchange(pair, "[");
  query(token);
  query("x");
  call("DELETE", "/v1/vps/map/1", token);
  call("GET", "/v1/vps/map", token, {{"Origin", "https://evil.example"}});
  const auto stats = body_of(admin("GET", "stats"));
  EXPECT_EQ(stats["token"]["total"], 3);
  EXPECT_EQ(stats["token"]["issued"], 1);
  EXPECT_EQ(stats["token"]["rejected"], 1);
  EXPECT_EQ(stats["token"]["malformed"], 1);
  EXPECT_EQ(stats["issued_by_client"][pair.id], 1);
  EXPECT_EQ(stats["api"]["total"], 4);
  EXPECT_EQ(stats["api"]["accepted"], 1);
  EXPECT_EQ(stats["api"]["unauthorized"], 1);
  EXPECT_EQ(stats["api"]["out_of_scope"], 1);
  EXPECT_EQ(stats["api"]["foreign_origin"], 1);
  EXPECT_EQ(admin("POST", "stats/reset").status, 204);
  EXPECT_EQ(body_of(admin("GET", "stats"))["token"]["total"], 0);
}

TEST_F(Authority, KnowsHowManyTokenRequestsThereWereAtOnce) {
  {
    const Sandbox::Attendance one(*sandbox_, Area::token);
    const Sandbox::Attendance two(*sandbox_, Area::token);
    const Sandbox::Attendance other(*sandbox_, Area::api);
  }
  const auto stats = body_of(admin("GET", "stats"))["token"];
  EXPECT_EQ(stats["in_flight"], 0);
  EXPECT_EQ(stats["most_in_flight"], 2);
}

TEST_F(Authority, FailsAsOftenAsItWasToldAndThenNoMore) {
  const auto pair = create({"query"});
  fail_with(
      {{"kind", "status"}, {"status", 429}, {"retry_after", "Fri, 31 Dec 1999 23:59:59 GMT"}, {"count", 2}});
  for (int i = 0; i < 2; ++i) {
    const auto response = exchange(pair);
    EXPECT_EQ(response.status, 429);
    EXPECT_EQ(header_of(response, "Retry-After"), "Fri, 31 Dec 1999 23:59:59 GMT");
    EXPECT_NE(header_of(response, "Date"), "");
  }
  EXPECT_EQ(exchange(pair).status, 200);
  EXPECT_EQ(body_of(admin("GET", "stats"))["token"]["faulted"], 2);
}

TEST_F(Authority, FailsOnTheRoutesItWasToldUntilTheFaultIsRemoved) {
  const auto pair = create({"query"});
  const auto token = token_of(pair);
  fail_with({{"kind", "status"}, {"routes", "api"}});
  EXPECT_EQ(query(token), 500);
  EXPECT_EQ(exchange(pair).status, 200);
  fail_with({{"kind", "status"}, {"routes", "all"}});
  EXPECT_EQ(query(token), 500);
  EXPECT_EQ(exchange(pair).status, 500);
  EXPECT_EQ(admin("DELETE", "fault").status, 204);
  EXPECT_EQ(query(token), 200);
}

TEST_F(Authority, HidesTheExpiryOrSetsItInThePastOnDemand) {
  const auto pair = create({"query"});
  fail_with({{"kind", "no_expiry"}});
  auto answer = body_of(exchange(pair));
  EXPECT_EQ(answer.size(), 1U);
  EXPECT_EQ(query(answer["token"]), 200);
  fail_with({{"kind", "no_expiry"}, {"opaque", true}});
  answer = body_of(exchange(pair));
  EXPECT_EQ(std::string(answer["token"]).find('.'), std::string::npos);
  fail_with({{"kind", "past_expiry"}});
  answer = body_of(exchange(pair));
  EXPECT_EQ(answer["expiresOn"], "2026-01-30T23:00:00Z");
  EXPECT_EQ(query(answer["token"]), 401);
}

TEST_F(Authority, AnswersEachOtherFaultInItsWay) {
  const auto pair = create({"query"});
  const std::vector<std::pair<const char*, Delivery>> on_the_wire = {
      {"hang", Delivery::hang},           {"reset", Delivery::reset},     {"empty", Delivery::empty},
      {"truncated", Delivery::truncated}, {"garbage", Delivery::garbage}, {"huge", Delivery::huge}};
  for (const auto& [kind, delivery] : on_the_wire) {
    fail_with({{"kind", kind}});
    EXPECT_EQ(exchange(pair).delivery, delivery) << kind;
  }
  fail_with({{"kind", "json_garbage"}});
  EXPECT_TRUE(body_of(exchange(pair)).is_discarded());
  fail_with({{"kind", "html"}});
  EXPECT_EQ(header_of(exchange(pair), "Content-Type"), "text/html; charset=utf-8");
  fail_with({{"kind", "error_200"}});
  EXPECT_EQ(exchange(pair).status, 200);
  EXPECT_FALSE(body_of(exchange(pair)).contains("token"));
  fail_with({{"kind", "slow"}, {"delay_ms", 5}});
  EXPECT_TRUE(body_of(exchange(pair)).contains("token"));
}

TEST_F(Authority, CountsWhoFollowsARedirect) {
  const auto pair = create({"query"});
  fail_with({{"kind", "redirect"}});
  const auto response = exchange(pair);
  EXPECT_EQ(response.status, 302);
  EXPECT_EQ(ask("POST", header_of(response, "Location")).status, 404);
  EXPECT_EQ(body_of(admin("GET", "stats"))["redirects_followed"], 1);
}

TEST_F(Authority, RefusesFaultsThatItDoesNotKnowOrThatMakeNoSense) {
  for (const Json& fault :
       {Json::object(), Json{{"kind", "flood"}}, Json{{"kind", "status"}, {"status", 99}},
        Json{{"kind", "status"}, {"retry_after", "1\r\nX: y"}}, Json{{"kind", "status"}, {"retry_after", 7}},
        Json{{"kind", "slow"}, {"delay_ms", -1}}, Json{{"kind", "hang"}, {"count", 0}},
        Json{{"kind", "hang"}, {"routes", "some"}}, Json{{"kind", "hang"}, {"cuont", 1}},
        Json{{"kind", "no_expiry"}, {"routes", "all"}}, Json{{"kind", "redirect"}, {"status", 500}}})
    EXPECT_EQ(admin("PUT", "fault", fault).status, 400) << fault;
  EXPECT_TRUE(body_of(admin("GET", "fault"))["fault"].is_null());
}

// ---- certificates

using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

Certificate parsed(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  Certificate certificate(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr), X509_free);
  BIO_free(bio);
  return certificate;
}

/// OpenSSL's verdict on a server that shows `identity` to a client of `host` who trusts ca.pem in
/// `directory`.
int verdict(const std::filesystem::path& directory, const TlsIdentity& identity, const char* host) {
  const auto leaf = parsed(identity.certificate_pem);
  const auto ca = parsed(read_file(directory / "ca.pem", 1 << 16, ErrorCode::internal).value());
  X509_STORE* store = X509_STORE_new();
  X509_STORE_add_cert(store, ca.get());
  X509_STORE_CTX* context = X509_STORE_CTX_new();
  X509_STORE_CTX_init(context, store, leaf.get(), nullptr);
  X509_VERIFY_PARAM* wanted = X509_STORE_CTX_get0_param(context);
  if (X509_VERIFY_PARAM_set1_ip_asc(wanted, host) != 1) X509_VERIFY_PARAM_set1_host(wanted, host, 0);
  X509_verify_cert(context);
  const int error = X509_STORE_CTX_get_error(context);
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
  return error;
}

TEST(Certificates, AreTrustedByWhomeverTrustsTheCaUnderEachLoopbackName) {
  const TempDirectory directory;
  const auto identity = make_identity(directory.path(), CertificateFlaw::none);
  ASSERT_TRUE(identity) << identity.error().detail;
  for (const char* host : {"localhost", "127.0.0.1", "::1"})
    EXPECT_EQ(verdict(directory.path(), *identity, host), X509_V_OK) << host;
  EXPECT_EQ(verdict(directory.path(), *identity, "example.com"), X509_V_ERR_HOSTNAME_MISMATCH);
}

TEST(Certificates, HaveExactlyTheFlawThatWasAskedFor) {
  const TempDirectory directory;
  const std::vector<std::pair<const char*, int>> flaws = {
      {"expired", X509_V_ERR_CERT_HAS_EXPIRED},
      {"not-yet-valid", X509_V_ERR_CERT_NOT_YET_VALID},
      {"wrong-host", X509_V_ERR_HOSTNAME_MISMATCH},
      {"untrusted", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY}};
  for (const auto& [name, error] : flaws) {
    const auto flaw = certificate_flaw(name);
    ASSERT_TRUE(flaw) << name;
    EXPECT_EQ(verdict(directory.path(), make_identity(directory.path(), *flaw).value(), "localhost"), error)
        << name;
  }
}

TEST(Certificates, ComeFromTheSameCaWithTheSameKeyAfterARestart) {
  const TempDirectory directory;
  const auto before = make_identity(directory.path(), CertificateFlaw::none).value();
  const auto ca = read_file(directory.path() / "ca.pem", 1 << 16, ErrorCode::internal).value();
  const auto after = make_identity(directory.path(), CertificateFlaw::none).value();
  EXPECT_EQ(read_file(directory.path() / "ca.pem", 1 << 16, ErrorCode::internal).value(), ca);
  EXPECT_EQ(before.pin_sha256, after.pin_sha256);
  EXPECT_NE(before.certificate_pem, after.certificate_pem);
}

TEST(Certificates, KeepTheirKeysForTheirOwnerAlone) {
  const TempDirectory directory;
  ASSERT_TRUE(make_identity(directory.path(), CertificateFlaw::none));
  for (const char* file : {"ca-key.pem", "server-key.pem"}) {
    struct stat info {};
    ASSERT_EQ(::stat((directory.path() / file).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777U, 0600U) << file;
  }
}

TEST(Certificates, AreNotMadeBesideACaThatLostItsKey) {
  const TempDirectory directory;
  ASSERT_TRUE(make_identity(directory.path(), CertificateFlaw::none));
  std::filesystem::remove(directory.path() / "ca-key.pem");
  EXPECT_FALSE(make_identity(directory.path(), CertificateFlaw::none));
}

}  // namespace
}  // namespace fob::authority
