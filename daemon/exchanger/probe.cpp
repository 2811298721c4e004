#include "daemon/exchanger/probe.hpp"

#include "daemon/exchanger/expiry.hpp"
#include "daemon/exchanger/profile_files.hpp"
#include "daemon/exchanger/transport_failure.hpp"

#include <openssl/x509_vfy.h>

#include <utility>
#include <variant>

namespace fob::exchanger {
namespace {

using wire::Probe;
using wire::ProbeStep;

ProbeStep step_of(const TransportFailure& failure, bool by_proxy) {
  switch (failure.trouble) {
    case Trouble::resolve:
      return ProbeStep::dns;
    case Trouble::resolve_proxy:
    case Trouble::proxy:
      return ProbeStep::proxy;
    case Trouble::connect:
    case Trouble::connect_timeout:
      return by_proxy ? ProbeStep::proxy : ProbeStep::connection;
    case Trouble::dropped:
    case Trouble::other:
      return ProbeStep::connection;
    case Trouble::certificate:
      return failure.verify == X509_V_ERR_CERT_HAS_EXPIRED ? ProbeStep::certificate_ended
                                                           : ProbeStep::certificate_untrusted;
    case Trouble::host_name:
    case Trouble::handshake:
    case Trouble::pin:
      return ProbeStep::tls;
    case Trouble::ca_file:
    case Trouble::off_loopback:
      return ProbeStep::configuration;
    case Trouble::answer_timeout:
    case Trouble::too_big:
    case Trouble::cut_short:
    case Trouble::not_http:
      return ProbeStep::http;
  }
  return ProbeStep::connection;
}

Probe failed(ProbeStep step, ErrorCode code, std::string detail) {
  Probe probe;
  probe.failure = {step, code, std::move(detail)};
  return probe;
}

Probe answered(const HttpAnswer& answer, WallTime now) {
  Probe probe;
  probe.status = answer.status;
  probe.authority_time = parse_http_date(answer.date);
  if (probe.authority_time)
    probe.clock_skew = std::chrono::duration_cast<std::chrono::milliseconds>(now - *probe.authority_time);
  return probe;
}

}  // namespace

Probe probe(const std::string& name, const ProbeSurroundings& around) {
  const auto profile = find_profile(name, around.locations);
  if (!profile) return failed(ProbeStep::configuration, ErrorCode::config, profile.error().detail);
  auto cas = trusted_cas(*profile);
  if (!cas) return failed(ProbeStep::configuration, ErrorCode::config, cas.error().detail);
  HttpRequest request;
  request.url = profile->endpoint;
  request.ca_pem = std::move(*cas);
  request.pin_sha256 = profile->pin_sha256;
  request.proxy = profile->proxy;

  const HttpSight sight = around.look(request);
  const auto now = around.clock.wall_now();
  Probe probe;
  if (const auto* failure = std::get_if<TransportFailure>(&sight.outcome)) {
    const auto words = explain(*failure, *profile, now, around.build_epoch);
    probe = failed(step_of(*failure, profile->proxy.has_value()), words.code, words.detail);
  } else {
    probe = answered(std::get<HttpAnswer>(sight.outcome), now);
  }
  probe.trusted_until = sight.certificate_ends;
  return probe;
}

}  // namespace fob::exchanger
