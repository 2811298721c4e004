#include "daemon/config/config.hpp"

#include "daemon/config/endpoint.hpp"
#include "daemon/config/locations.hpp"
#include "daemon/config/options.hpp"
#include "ipc/base/file.hpp"
#include "tests/support/temp_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <fcntl.h>
#include <map>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace fob::config {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

std::string error_of(const std::string& text) {
  const auto parsed = parse(text, "fob.toml", "/etc/fob");
  EXPECT_FALSE(parsed) << text;
  if (parsed) return "";
  EXPECT_EQ(parsed.error().code, ErrorCode::config);
  return parsed.error().detail;
}

const char* const k_example = R"(
[daemon]
store = "file"
default_profile = "prod-query"

[profile.prod-query]
authority = "multiset"
scopes = ["query"]
ca_file = "ca.pem"
refresh = "on-demand"
idle_after = "6h"

[profile.issuer]
authority = "oauth2"
endpoint = "https://issuer.example/token"
client_auth = "post"
audience = "api"
proxy = "http://user:pass@proxy.example:3128"

[[grant]]
profiles = ["prod-query"]
user = "xr"
unit = "localizer.service"
)";

TEST(Config, ReadsTheContractsExample) {
  const auto config = parse(k_example, "fob.toml", "/etc/fob");
  ASSERT_TRUE(config) << config.error().detail;
  EXPECT_EQ(config->daemon.store, StoreKind::file);
  EXPECT_EQ(config->daemon.default_profile, "prod-query");
  const Profile& profile = *config->find("prod-query");
  EXPECT_EQ(profile.endpoint, k_multiset_endpoint);
  EXPECT_EQ(profile.ca_file, "/etc/fob/ca.pem") << "relative to the file that says it";
  EXPECT_EQ(profile.refresh, RefreshMode::on_demand);
  EXPECT_EQ(profile.idle_after, 6h);
  EXPECT_EQ(config->find("issuer")->client_auth, ClientAuth::post);
  ASSERT_EQ(config->grants.size(), 1u);
  EXPECT_EQ(config->grants[0].unit, "localizer.service");
  EXPECT_EQ(config->find("nope"), nullptr);
}

TEST(Config, AnUnknownKeyIsNamedWithItsLineAndTheNearestKnownOne) {
  EXPECT_EQ(error_of("[profile.p]\nscopes = []\nendpont = \"https://x/\"\n"),
            "fob.toml:3: profile.p.endpont: unknown key; did you mean 'endpoint'?");
  EXPECT_THAT(error_of("[deamon]\n"), HasSubstr("fob.toml:1: deamon: unknown key; did you mean 'daemon'?"));
  EXPECT_THAT(error_of("[daemon]\nzzz = 1\n"), HasSubstr("the keys here are store, default_profile"));
}

TEST(Config, EveryWrongValueIsNamedWithItsLine) {
  const std::pair<const char*, const char*> wrong[] = {
      {"[daemon]\nstore = \"cloud\"", "fob.toml:2: daemon.store: \"cloud\" is none of"},
      {"[daemon]\nsealing_key = \"pin\"", "\"pin\" is none of"},
      {"[fleet]\nsigners = [\"short\"]", "fob.toml:2: fleet.signers: each must be a public key"},
      {"[fleet]\ninbx = \"x\"", "did you mean 'inbox'"},
      {"[profile.\"fob.device\"]\n", "fob keeps this device's own keys under this name"},
      {"[daemon]\nstore = 3", "fob.toml:2: daemon.store: write"},
      {"[daemon]\ndefault_profile = \"nope\"", "there is no [profile.nope]"},
      {"[profile.p]\nscopes = \"query\"", "fob.toml:2: profile.p.scopes: write"},
      {"[profile.p]\nscopes = [\"a b\"]", "is not a scope"},
      {"[profile.p]\nendpoint = \"http://api.example/token\"", "would send the credential in clear"},
      {"[profile.p]\nendpoint = \"ftp://api.example\"", "must start with https://"},
      {"[profile.p]\nendpoint = \"api.example\"", "is not a URL"},
      {"[profile.p]\nendpoint = \"https://id:secret@api.example/\"", "belongs into the store"},
      {"[profile.p]\nauthority = \"oauth2\"", "needs one"},
      {"[profile.p]\nidle_after = \"6 hours\"", "is not a duration"},
      {"[profile.p]\nidle_after = \"999999999999d\"", "is not a duration"},
      {"[profile.p]\npin_sha256 = \"abc\"", "must be the base64 of a SHA-256"},
      {"[profile.p]\nproxy = \"proxy\"", "proxy must be"},
      {"[profile.p]\nca_file = \"\"", "it is empty"},
      {"[daemon]\nauto_fallback = \"true\"", "fob.toml:2: daemon.auto_fallback: write true | false"},
      {"[profile.p]\nauto_fallback = 1", "fob.toml:2: profile.p.auto_fallback: write true | false"},
      {"[profile.\"a/b\"]\n", "a profile's name is"},
      {"profile = 1", "write [profile.NAME]"},
      {"[grant]\nuser = \"xr\"", "doubled brackets"},
      {"[[grant]]\nuser = \"xr\"", "name the profiles"},
      {"[profile.p]\n[[grant]]\nprofiles = [\"p\"]", "name at least one of"},
      {"[[grant]]\nprofiles = [\"p\"]\nuser = \"xr\"", "there is no [profile.p]"},
      {"[gateway.sdk]\nlisten = \"0.0.0.0:8787\"",
       "fob.toml:2: gateway.sdk.listen: \"0.0.0.0:8787\" is not a port on"},
      {"[gateway.sdk]\nlisten = \"localhost:8787\"", "is not a port on loopback"},
      {"[gateway.sdk]\nlisten = \"127.0.0.1\"", "is not a port on loopback"},
      {"[gateway.sdk]\nlistn = \"x\"", "did you mean 'listen'"},
      {"[gateway.sdk]\norigins = [\"*\"]", "is not an origin"},
      {"[gateway.sdk]\norigins = [\"null\"]", "is not an origin"},
      {"[gateway.sdk]\norigins = [\"https://app.example/\"]", "is not an origin"},
      {"[gateway.sdk]\nroutes = [\"/v1\"]", "is not a route"},
      {"[gateway.sdk]\nroutes = [\"GET /v1/../x\"]", "is not a route"},
      {"[gateway.sdk]\nroutes = [\"GET /**/x\"]", "is not a route"},
      {"[gateway.sdk]\nupstream = \"http://api.example\"", "in clear"},
      {"[gateway.sdk]\nupstream = \"https://api.example/\"", "without a slash at its end"},
      {"[gateway.sdk]\nclient_id = \"a:b\"", "without a colon"},
      {"[gateway.sdk]\nusers = [\"xr\"]", "gateway.sdk.listen: say where"},
      {"[gateway.sdk]\nlisten = \"127.0.0.1:1\"", "gateway.sdk.users: name the users"},
      {"[gateway.sdk]\nlisten = \"127.0.0.1:1\"\nusers = [\"xr\"]", "gateway.sdk.profile: name one"},
      {"[gateway.sdk]\nlisten = \"127.0.0.1:1\"\nusers = [\"xr\"]\nprofile = \"p\"",
       "there is no [profile.p]"},
      {"[gateway.\"a/b\"]\n", "a listener's name is"},
      {"gateway = 1", "write [gateway.NAME]"},
      {"[daemon\n", "fob.toml:1: "},
      {"[profile.p]\n[profile.p]\n", "fob.toml:2: "},
  };
  for (const auto& [text, message] : wrong) EXPECT_THAT(error_of(text), HasSubstr(message)) << text;
}

TEST(Config, ShowsEveryOptionAndNoProxyPassword) {
  const auto config = parse(k_example, "fob.toml", "/etc/fob");
  ASSERT_TRUE(config);
  const std::string shown = show(*config);
  for (const auto& option : profile_options()) EXPECT_THAT(shown, HasSubstr(option.key));
  EXPECT_THAT(shown, HasSubstr("http://***@proxy.example:3128"));
  EXPECT_EQ(shown.find("user:pass"), std::string::npos);
}

TEST(Config, AListenerThatDoesNotSayWhereToAsksTheHostOfItsProfilesEndpoint) {
  const std::string text =
      std::string(k_example) +
      "[gateway.sdk]\nlisten = \"[::1]:8787\"\nusers = [\"xr\"]\n"
      "routes = [\"GET /v1/vps/map/*\", \"POST /v1/**\"]\norigins = [\"https://app.example:8443\"]\n"
      "[gateway.own]\nlisten = \"127.0.0.1:8788\"\nusers = [\"1000\"]\nprofile = \"issuer\"\n"
      "upstream = \"https://onprem.example/api\"\n";
  const auto config = parse(text, "fob.toml", "/etc/fob");
  ASSERT_TRUE(config) << config.error().detail;
  const Gateway& sdk = config->gateways.at("sdk");
  EXPECT_EQ(sdk.profile, "prod-query");
  EXPECT_EQ(sdk.upstream, "https://api.multiset.ai");
  EXPECT_EQ(sdk.ca_file, "/etc/fob/ca.pem");
  EXPECT_EQ(sdk.client_id + sdk.client_secret, "fobfob");
  EXPECT_EQ(config->gateways.at("own").upstream, "https://onprem.example/api");
  EXPECT_EQ(config->gateways.at("own").ca_file, std::nullopt);
  const auto again = parse(show(*config), "shown", "/");
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_EQ(show(*again), show(*config));
}

TEST(Config, WhatIsShownCanBeReadAgain) {
  const auto config = parse(k_example, "fob.toml", "/etc/fob");
  ASSERT_TRUE(config);
  const auto again = parse(show(*config), "shown", "/");
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_EQ(again->find("prod-query")->idle_after, 6h);
  EXPECT_EQ(show(*again), show(*config));
}

TEST(Config, AProfileThatDoesNotSayWhetherToFallBackDoesAsTheDaemonSays) {
  const auto config =
      parse("[profile.a]\n[profile.b]\nauto_fallback = false\n[daemon]\nauto_fallback = true\n", "fob.toml",
            "/etc/fob");
  ASSERT_TRUE(config) << config.error().detail;
  EXPECT_EQ(config->find("a")->auto_fallback, true);
  EXPECT_EQ(config->find("b")->auto_fallback, false);
  EXPECT_THAT(show(*config), HasSubstr("auto_fallback = true   # "));
  EXPECT_EQ(parse("[profile.a]\n", "fob.toml", "/")->find("a")->auto_fallback, false);
}

TEST(Config, EveryOptionSaysWhatItIsFor) {
  for (const auto& option : profile_options())
    EXPECT_TRUE(!option.meaning.empty() && !option.form.empty()) << option.key;
}

class ConfigFiles : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& text, mode_t mode = 0644) {
    const auto path = directory_.path() / name;
    EXPECT_TRUE(make_directory(path.parent_path(), 0755, ErrorCode::config));
    EXPECT_TRUE(replace_file(path, text, mode, ErrorCode::config));
    return path;
  }
  test::TempDirectory directory_;
};

TEST_F(ConfigFiles, AreReadAsOneWithTheirParts) {
  const auto main = write("fob.toml", "[daemon]\ndefault_profile = \"b\"\n[profile.a]\n");
  write("fob.d/10.toml", "[profile.b]\n");
  write("fob.d/ignored.txt", "not toml at all [");
  const auto config = load(main);
  ASSERT_TRUE(config) << config.error().detail;
  EXPECT_EQ(config->profiles.size(), 2u);
}

TEST_F(ConfigFiles, MustNotConfigureAProfileTwice) {
  const auto main = write("fob.toml", "[profile.a]\n");
  const auto part = write("fob.d/10.toml", "\n[profile.a]\n");
  const auto config = load(main);
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().detail,
              HasSubstr(part.string() + ":2: profile.a: this profile is already configured"));
}

TEST_F(ConfigFiles, AreRefusedWhereOthersCouldHaveWrittenThem) {
  const auto file = write("fob.toml", "[profile.a]\n", 0666);
  const auto config = load(file);
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().detail, HasSubstr("chmod go-w " + file.string()));
}

TEST_F(ConfigFiles, AreRefusedWhereTheyBelongToSomebodyElse) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a file away";
  const auto file = write("fob.toml", "[profile.a]\n");
  ASSERT_EQ(::chown(file.c_str(), 12345, 0), 0);
  const auto config = load(file);
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().detail, HasSubstr("chown root " + file.string()));
}

TEST_F(ConfigFiles, AreReadFromTheVeryFileWhoseWritersWereChecked) {
  const auto file = write("fob.toml", "[profile.ours]\n");
  const auto foreign = write("foreign.toml", "[profile.theirs]\n", 0666);
  std::atomic<bool> done = false;
  std::thread swapper([&] {
    while (!done) ::renameat2(AT_FDCWD, file.c_str(), AT_FDCWD, foreign.c_str(), RENAME_EXCHANGE);
  });
  int taken = 0;
  for (int i = 0; i < 3000; ++i)
    if (const auto config = load(file); config && config->find("theirs") != nullptr) ++taken;
  done = true;
  swapper.join();
  EXPECT_EQ(taken, 0);
}

TEST_F(ConfigFiles, ThatAreNoRegularFilesAreRefusedWithoutWaiting) {
  const auto file = directory_.path() / "fob.toml";
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  EXPECT_THAT(load(file).error().detail, HasSubstr(file.string() + " is not a regular file"));
  EXPECT_THAT(load(directory_.path()).error().detail, HasSubstr(" is not a regular file"));
}

TEST_F(ConfigFiles, ThatAreMissingAreNamed) {
  const auto config = load(directory_.path() / "none.toml");
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().detail,
              HasSubstr("none.toml: No such file or directory; write one, or name it with --config"));
}

TEST(Endpoint, LoopbackIsTakenLiterally) {
  for (const auto* host : {"localhost", "127.0.0.1", "127.8.9.10", "::1", "[::1]"})
    EXPECT_TRUE(is_loopback_host(host)) << host;
  for (const auto* host :
       {"localhost.example", "example", "128.0.0.1", "0.0.0.0", "::", "127.0.0.1.example", ""})
    EXPECT_FALSE(is_loopback_host(host)) << host;
}

TEST(Endpoint, HasAPortWhetherItSaysSoOrNot) {
  EXPECT_EQ(port_of("https://api.example/token"), 443);
  EXPECT_EQ(port_of("https://api.example:8443/token"), 8443);
  EXPECT_EQ(port_of("http://[::1]:9/token"), 9);
  EXPECT_EQ(port_of("http://proxy.example"), 80);
  EXPECT_EQ(port_of("socks5h://proxy.example"), 1080);
}

TEST(Endpoint, PlainHttpIsForLoopbackOnly) {
  for (const auto* url : {"https://api.example/token", "http://127.0.0.1:8080/v1/m2m/token", "http://[::1]/",
                          "http://localhost/x"})
    EXPECT_TRUE(check_endpoint(url)) << url;
  for (const auto* url :
       {"http://127.0.0.1@evil.example/", "http://localhost.evil.example/", "http:///x", "https://", ""})
    EXPECT_FALSE(check_endpoint(url)) << url;
}

class LocationsTest : public ::testing::Test {
 protected:
  Environment environment() {
    return [this](const char* name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      if (found == variables_.end()) return std::nullopt;
      return found->second;
    };
  }
  std::map<std::string, std::string> variables_;
};

TEST_F(LocationsTest, RootMeansTheSystem) {
  const auto at = locate({}, environment(), true);
  EXPECT_EQ(at.config_file, "/etc/fob/fob.toml");
  EXPECT_EQ(at.app_socket(), "/run/fob/fob.sock");
  EXPECT_EQ(at.control_socket(), "/run/fob/control.sock");
  EXPECT_EQ(at.state_dir, "/var/lib/fob");
}

TEST_F(LocationsTest, AUserMeansTheSession) {
  variables_ = {{"XDG_RUNTIME_DIR", "/run/user/7"}, {"XDG_CONFIG_HOME", "/c"}, {"HOME", "/h"}};
  const auto at = locate({}, environment(), false);
  EXPECT_EQ(at.config_file, "/c/fob/fob.toml");
  EXPECT_EQ(at.app_socket(), "/run/user/7/fob/fob.sock");
  EXPECT_EQ(at.state_dir, "/h/.local/state/fob");
}

TEST_F(LocationsTest, FlagsWinOverTheEnvironmentAndThatOverSystemd) {
  variables_ = {
      {"RUNTIME_DIRECTORY", "/run/a:/run/b"}, {"STATE_DIRECTORY", "/s"}, {"CONFIGURATION_DIRECTORY", "/e"}};
  EXPECT_EQ(locate({}, environment(), true).runtime_dir, "/run/a");
  EXPECT_EQ(locate({}, environment(), true).config_file, "/e/fob.toml");
  variables_["FOB_RUNTIME_DIR"] = "/x";
  variables_["FOB_CONFIG"] = "/y/my.toml";
  EXPECT_EQ(locate({}, environment(), true).runtime_dir, "/x");
  EXPECT_EQ(locate({}, environment(), true).config_file, "/y/my.toml");
  const LocationFlags flags{"/f.toml", "/r", "/t"};
  const auto at = locate(flags, environment(), true);
  EXPECT_EQ(at.config_file, "/f.toml");
  EXPECT_EQ(at.runtime_dir, "/r");
  EXPECT_EQ(at.state_dir, "/t");
}

TEST_F(LocationsTest, AClientFallsBackToTheSystemsDaemon) {
  variables_ = {{"XDG_RUNTIME_DIR", "/nonexistent"}, {"HOME", "/h"}};
  EXPECT_EQ(locate_daemon({}, environment(), false).app_socket(), "/run/fob/fob.sock");
  EXPECT_EQ(locate_daemon({"", "/r", ""}, environment(), false).app_socket(), "/r/fob.sock");
}

}  // namespace
}  // namespace fob::config
