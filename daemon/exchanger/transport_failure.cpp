#include "daemon/exchanger/transport_failure.hpp"

#include "daemon/config/endpoint.hpp"
#include "daemon/exchanger/detail.hpp"

#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>

namespace fob::exchanger {
namespace {

using wire::ExchangeFailure;

// How long a release is in use at most, and so how far a right clock can be past it.
constexpr std::chrono::years k_longest_use{8};

// A sentence for each trouble. HOST, WAY (host, and proxy if any), AIM (what says whom to connect to),
// SECTION, CA_FILE and SAID (the library's words) are filled in.
struct Sentence {
  Trouble trouble;
  ErrorCode code;
  std::string_view text;
};
constexpr std::array k_sentences = {
    Sentence{Trouble::resolve, ErrorCode::unreachable,
             "the name HOST cannot be resolved; check the network, DNS, and endpoint in SECTION"},
    Sentence{Trouble::resolve_proxy, ErrorCode::unreachable,
             "the name of the proxy on the way to WAY cannot be resolved; check proxy in SECTION"},
    Sentence{Trouble::proxy, ErrorCode::unreachable,
             "the proxy refuses to connect us to WAY; check proxy in SECTION SAID"},
    Sentence{Trouble::connect, ErrorCode::unreachable,
             "no connection to WAY; check the network, the firewall, and AIM in SECTION SAID"},
    Sentence{
        Trouble::dropped, ErrorCode::unreachable,
        "WAY ended the connection without an answer; check the port of endpoint in SECTION, and what lies "
        "between SAID"},
    Sentence{Trouble::connect_timeout, ErrorCode::timeout,
             "no connection to WAY within 10 s; check the network, the firewall, and AIM in SECTION"},
    Sentence{Trouble::answer_timeout, ErrorCode::timeout,
             "WAY gave no whole answer within 30 s; check the network, or ask whoever runs the authority"},
    Sentence{
        Trouble::host_name, ErrorCode::tls,
        "the certificate is for another host name than HOST; check endpoint in SECTION, or sign in to this "
        "network's portal"},
    Sentence{Trouble::handshake, ErrorCode::tls,
             "HOST does not speak TLS 1.2 or newer there; check the port of endpoint in SECTION SAID"},
    Sentence{
        Trouble::pin, ErrorCode::tls,
        "the public key of HOST is not the pinned one; if the authority has a new key, correct pin_sha256 in "
        "SECTION"},
    Sentence{Trouble::ca_file, ErrorCode::config,
             "CA_FILE holds no CA certificate in PEM form; correct ca_file in SECTION"},
    Sentence{
        Trouble::off_loopback, ErrorCode::config,
        "HOST does not lead to this machine, and plain http is for loopback only; set endpoint in SECTION to "
        "https://"},
    Sentence{Trouble::too_big, ErrorCode::bad_answer,
             "HOST answers with more than a token can take; check endpoint in SECTION"},
    Sentence{Trouble::cut_short, ErrorCode::bad_answer,
             "the answer of HOST broke off in the middle; check the network, and what lies between"},
    Sentence{Trouble::not_http, ErrorCode::bad_answer,
             "HOST does not answer in HTTP; check the port of endpoint in SECTION"},
    Sentence{Trouble::other, ErrorCode::unreachable,
             "the exchange with WAY failed; check endpoint in SECTION SAID"},
};

ExchangeFailure failed(ErrorCode code, std::string detail) { return {code, 0, std::move(detail), {}}; }

ExchangeFailure explain_certificate(long verify, const config::Profile& profile, WallTime now,
                                    std::chrono::sys_seconds build_epoch) {
  const std::string certificate = "the certificate of " + config::host_of(profile.endpoint);
  const std::string clock = "this device's clock reads " + to_rfc3339(now);
  const std::string mend = "; set the clock (timedatectl set-ntp true)";
  if (verify == X509_V_ERR_CERT_NOT_YET_VALID)
    return failed(ErrorCode::clock_wrong, clock + ", and " + certificate + " is not yet valid then" + mend);
  if (verify == X509_V_ERR_CERT_HAS_EXPIRED && is_absurd(now, build_epoch))
    return failed(ErrorCode::clock_wrong, clock + ", and " + certificate + " has expired by then" + mend);
  if (verify == X509_V_ERR_CERT_HAS_EXPIRED)
    return failed(ErrorCode::tls, certificate + " has expired (" + clock +
                                      "); if the clock is right, the authority must renew its certificate");
  const std::string section = " in [profile." + profile.name + "]";
  return failed(ErrorCode::tls, certificate + " is not trusted" +
                                    (profile.ca_file ? " by the CAs of ca_file; correct ca_file" + section
                                                     : "; if it is your own authority, set ca_file" +
                                                           section + " to its CA") +
                                    " (" + X509_verify_cert_error_string(verify) + ")");
}

}  // namespace

bool is_absurd(WallTime now, std::chrono::sys_seconds build_epoch) {
  return now < build_epoch || now > build_epoch + k_longest_use;
}

ExchangeFailure explain(const TransportFailure& failure, const config::Profile& profile, WallTime now,
                        std::chrono::sys_seconds build_epoch) {
  if (failure.trouble == Trouble::certificate)
    return explain_certificate(failure.verify, profile, now, build_epoch);
  const auto row = std::find_if(k_sentences.begin(), k_sentences.end(),
                                [&](const auto& s) { return s.trouble == failure.trouble; });
  const Sentence& sentence = row == k_sentences.end() ? k_sentences.back() : *row;
  const std::string host = config::host_of(profile.endpoint);
  std::string text(sentence.text);
  fill_in(text, "HOST", host);
  fill_in(text, "WAY",
          profile.proxy ? host + " by way of " + config::without_password(*profile.proxy) : host);
  fill_in(text, "AIM", profile.proxy ? "proxy" : "endpoint");
  fill_in(text, "SECTION", "[profile." + profile.name + "]");
  fill_in(text, "CA_FILE", profile.ca_file.value_or("").string());
  fill_in(text, "SAID", "(" + failure.text + ")");
  return {sentence.code, failure.status, std::move(text), {}};
}

}  // namespace fob::exchanger
