// What is said when there is no answer, and when a certificate's trouble is the clock's.
#include "daemon/exchanger/transport_failure.hpp"

#include <gtest/gtest.h>
#include <openssl/x509_vfy.h>

namespace fob::exchanger {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::sys_seconds k_epoch = std::chrono::sys_days{std::chrono::year{2026} / 1 / 1};
constexpr WallTime k_now = k_epoch + 24h * 200;

config::Profile profile() {
  config::Profile profile;
  profile.name = "prod";
  profile.endpoint = "https://auth.example:8443/token";
  return profile;
}

wire::ExchangeFailure explained(Trouble trouble, long verify = 0, WallTime now = k_now,
                                const config::Profile& from = profile()) {
  return explain({trouble, 0, verify, "library words"}, from, now, k_epoch);
}

void expect(const wire::ExchangeFailure& failure, ErrorCode code, const std::string& words) {
  EXPECT_EQ(traits(failure.code).kind, traits(code).kind) << failure.detail;
  EXPECT_NE(failure.detail.find(words), std::string::npos) << failure.detail;
}

TEST(TransportFailure, NamesTheHostAndWhatToCheck) {
  expect(explained(Trouble::resolve), ErrorCode::unreachable, "the name auth.example cannot be resolved");
  expect(explained(Trouble::connect), ErrorCode::unreachable,
         "no connection to auth.example; check the network");
  expect(explained(Trouble::connect), ErrorCode::unreachable, "endpoint in [profile.prod] (library words)");
  expect(explained(Trouble::dropped), ErrorCode::unreachable, "auth.example ended the connection");
  expect(explained(Trouble::connect_timeout), ErrorCode::timeout, "within 10 s");
  expect(explained(Trouble::answer_timeout), ErrorCode::timeout, "within 30 s");
  expect(explained(Trouble::handshake), ErrorCode::tls, "does not speak TLS");
  expect(explained(Trouble::host_name), ErrorCode::tls, "the certificate is for another host name");
  expect(explained(Trouble::host_name), ErrorCode::tls, "check endpoint");
  expect(explained(Trouble::pin), ErrorCode::tls, "correct pin_sha256 in [profile.prod]");
  expect(explained(Trouble::off_loopback), ErrorCode::config, "plain http is for loopback only");
  expect(explained(Trouble::too_big), ErrorCode::bad_answer, "more than a token can take");
  expect(explained(Trouble::cut_short), ErrorCode::bad_answer, "broke off");
  expect(explained(Trouble::not_http), ErrorCode::bad_answer, "does not answer in HTTP");
  expect(explained(Trouble::other), ErrorCode::unreachable, "library words");
}

TEST(TransportFailure, NamesTheProxyWithoutItsPassword) {
  auto proxied = profile();
  proxied.proxy = "http://user:hush@proxy.example:3128";
  for (const auto trouble : {Trouble::connect, Trouble::connect_timeout, Trouble::proxy}) {
    const auto failure = explained(trouble, 0, k_now, proxied);
    EXPECT_NE(failure.detail.find("proxy.example:3128"), std::string::npos) << failure.detail;
    EXPECT_EQ(failure.detail.find("hush"), std::string::npos);
  }
}

TEST(TransportFailure, AnUnknownCaSaysToSetCaFileOrToCorrectIt) {
  expect(explained(Trouble::certificate, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY), ErrorCode::tls,
         "set ca_file in [profile.prod]");
  auto trusting = profile();
  trusting.ca_file = "/etc/ca.pem";
  expect(explained(Trouble::certificate, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, k_now, trusting),
         ErrorCode::tls, "correct ca_file in [profile.prod]");
  expect(explained(Trouble::ca_file, 0, k_now, trusting), ErrorCode::config,
         "/etc/ca.pem holds no CA certificate");
}

TEST(TransportFailure, ACertificateOfTheFutureIsTheClocksFault) {
  expect(explained(Trouble::certificate, X509_V_ERR_CERT_NOT_YET_VALID), ErrorCode::clock_wrong,
         "clock reads 2026-07-20T00:00:00Z");
  expect(explained(Trouble::certificate, X509_V_ERR_CERT_NOT_YET_VALID, WallTime(0ms)),
         ErrorCode::clock_wrong, "clock reads 1970-01-01T00:00:00Z");
}

TEST(TransportFailure, AnExpiredCertificateIsTheClocksFaultOnlyIfThatIsAbsurd) {
  const auto expired = [](WallTime now) {
    return explained(Trouble::certificate, X509_V_ERR_CERT_HAS_EXPIRED, now);
  };
  expect(expired(k_now), ErrorCode::tls, "has expired");
  expect(expired(k_now), ErrorCode::tls, "clock reads 2026-07-20T00:00:00Z");
  expect(expired(k_epoch + std::chrono::years(9)), ErrorCode::clock_wrong, "set the clock");
  expect(expired(k_epoch - 1s), ErrorCode::clock_wrong, "set the clock");
}

TEST(TransportFailure, AbsurdIsBeforeTheReleaseOrEightYearsAfterIt) {
  EXPECT_TRUE(is_absurd(WallTime(0ms), k_epoch));
  EXPECT_TRUE(is_absurd(k_epoch - 1ms, k_epoch));
  EXPECT_FALSE(is_absurd(k_epoch, k_epoch));
  EXPECT_FALSE(is_absurd(k_epoch + std::chrono::years(8), k_epoch));
  EXPECT_TRUE(is_absurd(k_epoch + std::chrono::years(8) + 1ms, k_epoch));
}

TEST(TransportFailure, KeepsTheStatusOfAnAnswerThatHadBegun) {
  EXPECT_EQ(explain({Trouble::cut_short, 200, 0, ""}, profile(), k_now, k_epoch).status, 200);
}

}  // namespace
}  // namespace fob::exchanger
