// The way to an endpoint without a credential: what is sent, and what each end of it is called.
#include "daemon/exchanger/probe.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/temp_directory.hpp"

#include <gtest/gtest.h>
#include <openssl/x509_vfy.h>

#include <fstream>

namespace fob::exchanger {
namespace {

using namespace std::chrono_literals;
using wire::ProbeStep;

constexpr std::chrono::sys_seconds k_epoch = std::chrono::sys_days{std::chrono::year{2026} / 1 / 1};

class ProbeTest : public ::testing::Test {
 protected:
  ProbeTest() { configure("[profile.prod]\nendpoint = \"https://auth.example/token\"\n"); }
  void configure(const std::string& text) {
    std::ofstream(directory_.path() / "fob.toml") << text;
    std::filesystem::permissions(directory_.path() / "fob.toml", std::filesystem::perms::owner_read);
  }
  wire::Probe probed(HttpOutcome outcome, const std::string& name = "prod") {
    const config::Locations at{directory_.path() / "fob.toml", directory_.path(), directory_.path()};
    const auto look = [&](const HttpRequest& request) {
      asked_ = request.url;
      EXPECT_TRUE(request.authorization.empty() && request.body.empty());
      return HttpSight{outcome, k_epoch + 24h};
    };
    return probe(name, {at, clock_, look, k_epoch});
  }
  test::TempDirectory directory_;
  test::ManualClock clock_;
  std::string asked_;
};

TEST_F(ProbeTest, TellsStatusTimeSkewAndTheCertificatesEnd) {
  HttpAnswer answer;
  answer.status = 405;
  answer.date = "Thu, 01 Jan 2026 00:00:00 GMT";
  const auto found = probed(answer);
  EXPECT_FALSE(found.failure);
  EXPECT_EQ(asked_, "https://auth.example/token");
  EXPECT_EQ(found.status, 405);
  EXPECT_EQ(found.authority_time, k_epoch);
  EXPECT_EQ(found.clock_skew, clock_.wall_now() - k_epoch);
  EXPECT_EQ(found.trusted_until, k_epoch + 24h);
}

TEST_F(ProbeTest, NamesTheStepOfEachTrouble) {
  const std::pair<Trouble, ProbeStep> troubles[] = {{Trouble::resolve, ProbeStep::dns},
                                                    {Trouble::resolve_proxy, ProbeStep::proxy},
                                                    {Trouble::proxy, ProbeStep::proxy},
                                                    {Trouble::connect, ProbeStep::connection},
                                                    {Trouble::dropped, ProbeStep::connection},
                                                    {Trouble::connect_timeout, ProbeStep::connection},
                                                    {Trouble::host_name, ProbeStep::tls},
                                                    {Trouble::handshake, ProbeStep::tls},
                                                    {Trouble::pin, ProbeStep::tls},
                                                    {Trouble::ca_file, ProbeStep::configuration},
                                                    {Trouble::off_loopback, ProbeStep::configuration},
                                                    {Trouble::answer_timeout, ProbeStep::http},
                                                    {Trouble::too_big, ProbeStep::http},
                                                    {Trouble::cut_short, ProbeStep::http},
                                                    {Trouble::not_http, ProbeStep::http},
                                                    {Trouble::other, ProbeStep::connection}};
  for (const auto& [trouble, step] : troubles) {
    const auto found = probed(TransportFailure{trouble, 0, 0, "words"});
    ASSERT_TRUE(found.failure);
    EXPECT_EQ(found.failure->step, step) << static_cast<int>(trouble);
    EXPECT_FALSE(found.failure->detail.empty());
  }
  const auto ended = probed(TransportFailure{Trouble::certificate, 0, X509_V_ERR_CERT_HAS_EXPIRED, ""});
  EXPECT_EQ(ended.failure->step, ProbeStep::certificate_ended);
  const auto foreign =
      probed(TransportFailure{Trouble::certificate, 0, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, ""});
  EXPECT_EQ(foreign.failure->step, ProbeStep::certificate_untrusted);
}

TEST_F(ProbeTest, BlamesTheProxyForNoConnectionWhereThereIsOne) {
  std::filesystem::remove(directory_.path() / "fob.toml");
  configure(
      "[profile.prod]\nendpoint = \"https://auth.example/token\"\nproxy = \"http://proxy.example:3128\"\n");
  for (const auto trouble : {Trouble::connect, Trouble::connect_timeout}) {
    const auto found = probed(TransportFailure{trouble, 0, 0, "words"});
    EXPECT_EQ(found.failure->step, ProbeStep::proxy);
    EXPECT_NE(found.failure->detail.find("check the network, the firewall, and proxy in [profile.prod]"),
              std::string::npos)
        << found.failure->detail;
  }
}

TEST_F(ProbeTest, GoesNowhereForAProfileItDoesNotKnowOrACaFileItCannotRead) {
  EXPECT_EQ(probed(HttpAnswer{}, "other").failure->step, ProbeStep::configuration);
  EXPECT_EQ(asked_, "");
  std::filesystem::remove(directory_.path() / "fob.toml");
  EXPECT_EQ(probed(HttpAnswer{}).failure->step, ProbeStep::configuration) << "there is no file at all";
  configure("[profile.prod]\nca_file = \"gone.pem\"\n");
  const auto found = probed(HttpAnswer{});
  ASSERT_TRUE(found.failure);
  EXPECT_NE(found.failure->detail.find("gone.pem"), std::string::npos);
  EXPECT_EQ(asked_, "");
}

}  // namespace
}  // namespace fob::exchanger
