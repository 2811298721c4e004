#include "daemon/doctor/probing.hpp"

#include "daemon/config/endpoint.hpp"
#include "daemon/store/tool.hpp"
#include "ipc/base/shell_word.hpp"
#include "ipc/wire/limits.hpp"

#include <algorithm>
#include <cstdlib>

namespace fob::doctor {
namespace {

using std::chrono::seconds;
using wire::Probe;
using wire::ProbeStep;

// Tokens do not mind, since their life is measured; certificates, logs and apps do.
constexpr seconds k_notable_skew{30};
constexpr seconds k_wrong_skew{300};
// Time enough for an authority that renews by hand.
constexpr std::chrono::days k_renewal{14};
// A connection and an answer take 30 s at most, and a slow device has to start the program.
constexpr seconds k_patience{45};
// With all ways together. Where nothing is answered, the first of them have told it.
constexpr seconds k_whole_patience{45};

// Profiles that go the same way.
struct Way {
  std::vector<const config::Profile*> profiles;
  std::string names() const {
    std::string text;
    for (const auto* profile : profiles) text += (text.empty() ? "" : ", ") + profile->name;
    return text;
  }
};

bool same_way(const config::Profile& a, const config::Profile& b) {
  return a.endpoint == b.endpoint && a.ca_file == b.ca_file && a.pin_sha256 == b.pin_sha256 &&
         a.proxy == b.proxy;
}

std::vector<Way> ways_of(const config::Config& config) {
  std::vector<Way> ways;
  for (const auto& [name, profile] : config.profiles) {
    const auto same = std::find_if(ways.begin(), ways.end(), [&p = profile](const Way& way) {
      return same_way(*way.profiles.front(), p);
    });
    if (same == ways.end()) {
      ways.push_back({{&profile}});
    } else {
      same->profiles.push_back(&profile);
    }
  }
  return ways;
}

Result<Probe> go(const Patient& patient, const config::Profile& profile) {
  const store::Tool exchanger{config::sibling_program("fob-exchange"),
                              config::environment_for_children(config::process_environment), k_patience};
  const auto run = run_tool(exchanger,
                            {"--config", patient.at.config_file.string(), "--state-dir",
                             patient.at.state_dir.string(), "--probe", profile.name},
                            "", wire::k_max_probe);
  if (run.end != store::ToolEnd::done)
    return fail(ErrorCode::internal, exchanger.program.string() + " does not say: " + run.complaint);
  std::string_view line = run.output.reveal();
  if (line.ends_with('\n')) line.remove_suffix(1);
  return wire::decode_probe(line);
}

std::string set_clock(const Patient& patient, const Probe& probe) {
  if (patient.units || !probe.authority_time) return patient.as_root("timedatectl set-ntp true");
  std::string time = to_rfc3339(*probe.authority_time);
  std::replace(time.begin(), time.end(), 'T', ' ');
  time.pop_back();
  return patient.as_root("date -u -s '" + time + "'");
}

std::string how_far(seconds skew) {
  const auto off = std::chrono::abs(skew);
  const std::string size = off < std::chrono::minutes(2)  ? std::to_string(off.count()) + " s"
                           : off < std::chrono::hours(2)  ? std::to_string(off.count() / 60) + " min"
                           : off < std::chrono::hours(48) ? std::to_string(off.count() / 3600) + " h"
                                                          : std::to_string(off.count() / 86400) + " days";
  return size + (skew.count() < 0 ? " behind" : " ahead of");
}

Finding clock(const Patient& patient, const Probe& probe, WallTime now) {
  const std::string reads = "this device's clock reads " + to_rfc3339(now);
  if (probe.failure && probe.failure->code == ErrorCode::clock_wrong)
    return failure(Check::clock, ErrorCode::clock_wrong, probe.failure->detail, set_clock(patient, probe));
  if (!probe.clock_skew) return skip(Check::clock, reads + "; there is nothing to compare it with");
  const auto skew = std::chrono::round<seconds>(*probe.clock_skew);
  if (std::chrono::abs(skew) < k_notable_skew) return pass(Check::clock, reads + ", as the authority's does");
  const std::string what = reads + ", " + how_far(skew) + " the authority's";
  if (std::chrono::abs(skew) < k_wrong_skew) return warn(Check::clock, what, set_clock(patient, probe));
  return failure(Check::clock, ErrorCode::clock_wrong, what, set_clock(patient, probe));
}

bool reached(const Probe& probe, ProbeStep step) { return !probe.failure || probe.failure->step > step; }
bool ended_at(const Probe& probe, ProbeStep step) { return probe.failure && probe.failure->step == step; }

Finding broken(const Patient& patient, Check check, const std::string& profiles,
               const config::Profile& profile, const Probe& probe) {
  return failure(check, probe.failure->code, profiles + ": " + probe.failure->detail,
                 patient.operators("refresh " + profile.name));
}

Finding name(const Patient& patient, const std::string& profiles, const config::Profile& profile,
             const Probe& probe) {
  if (ended_at(probe, ProbeStep::dns)) return broken(patient, Check::dns, profiles, profile, probe);
  if (!reached(probe, ProbeStep::dns)) return skip(Check::dns, profiles + ": not reached");
  if (profile.proxy) return pass(Check::dns, profiles + ": left to the proxy");
  return pass(Check::dns, profiles + ": " + config::host_of(profile.endpoint) + " is known");
}

Finding proxy(const Patient& patient, const std::string& profiles, const config::Profile& profile,
              const Probe& probe) {
  if (!profile.proxy) return pass(Check::proxy, profiles + ": none");
  if (ended_at(probe, ProbeStep::proxy))
    return failure(Check::proxy, probe.failure->code, profiles + ": " + probe.failure->detail,
                   patient.configure());
  return pass(Check::proxy, profiles + ": " + config::without_password(*profile.proxy));
}

// A certificate that is not trusted is mended with the right CA, which a person has to find.
std::string trust(const Patient& patient, const config::Profile& profile) {
  const std::string refresh = " && " + patient.operators("refresh " + profile.name);
  if (!profile.ca_file) return patient.as_root("update-ca-certificates") + refresh;
  return patient.as_root("install -m 644 THE-RIGHT-CA.pem ") + in_shell(*profile.ca_file) + refresh;
}

Finding tls(const Patient& patient, const std::string& profiles, const config::Profile& profile,
            const Probe& probe, WallTime now) {
  if (profile.endpoint.starts_with("http://")) return pass(Check::tls, profiles + ": none, on loopback");
  if (probe.failure && probe.failure->code == ErrorCode::clock_wrong)
    return skip(Check::tls, profiles + ": the clock decides first");
  if (ended_at(probe, ProbeStep::certificate_ended))
    return broken(patient, Check::tls, profiles, profile, probe);
  if (ended_at(probe, ProbeStep::certificate_untrusted))
    return failure(Check::tls, probe.failure->code, profiles + ": " + probe.failure->detail,
                   trust(patient, profile));
  if (ended_at(probe, ProbeStep::tls))
    return failure(Check::tls, probe.failure->code, profiles + ": " + probe.failure->detail,
                   patient.configure());
  if (!reached(probe, ProbeStep::tls)) return skip(Check::tls, profiles + ": not reached");
  if (!probe.trusted_until) return pass(Check::tls, profiles + ": trusted");
  const std::string until = profiles + ": trusted, until " + to_rfc3339(*probe.trusted_until);
  if (*probe.trusted_until - now > k_renewal) return pass(Check::tls, until);
  return warn(Check::tls, until + "; the authority has to renew its certificate before that", "");
}

Finding endpoint(const Patient& patient, const std::string& profiles, const config::Profile& profile,
                 const Probe& probe) {
  constexpr int k_redirection = 300, k_client_error = 400, k_server_error = 500;
  if (ended_at(probe, ProbeStep::connection) || ended_at(probe, ProbeStep::http))
    return broken(patient, Check::endpoint, profiles, profile, probe);
  if (ended_at(probe, ProbeStep::configuration))
    return failure(patient, Check::endpoint, fail(ErrorCode::config, profiles + ": " + probe.failure->detail),
                   patient.configure());
  if (probe.failure) return skip(Check::endpoint, profiles + ": not reached");
  const std::string answer = profiles + ": " + config::host_of(profile.endpoint) + " answers (HTTP " +
                             std::to_string(probe.status) + ")";
  if (probe.status >= k_redirection && probe.status < k_client_error)
    return warn(Check::endpoint, answer + ", which points elsewhere; is this network's portal in the way?",
                "");
  if (probe.status >= k_server_error)
    return warn(Check::endpoint, answer + "; it is the authority that is in trouble", "");
  return pass(Check::endpoint, answer);
}

}  // namespace

std::vector<Finding> judge_probe(const Patient& patient, const std::string& profiles,
                                 const config::Profile& profile, const Probe& probe, WallTime now) {
  return {clock(patient, probe, now), name(patient, profiles, profile, probe),
          proxy(patient, profiles, profile, probe), tls(patient, profiles, profile, probe, now),
          endpoint(patient, profiles, profile, probe)};
}

std::vector<Finding> probe_endpoints(const Patient& patient, const config::Config& config) {
  std::vector<Finding> findings;
  const auto begin = std::chrono::steady_clock::now();
  for (const auto& way : ways_of(config)) {
    if (std::chrono::steady_clock::now() - begin > k_whole_patience) {
      findings.push_back(
          skip(Check::endpoint, way.names() + ": not looked at, since the others took too long"));
      continue;
    }
    const auto& profile = *way.profiles.front();
    const auto probe = go(patient, profile);
    if (!probe) {
      findings.push_back(failure(patient, Check::endpoint, probe.error(), ""));
      continue;
    }
    for (auto& finding : judge_probe(patient, way.names(), profile, *probe, patient.clock.wall_now()))
      findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace fob::doctor
