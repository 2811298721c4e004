#include "daemon/broker/metrics.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

namespace fob::broker {
namespace {

using std::chrono::seconds;
using Status = TokenKeeper::Status;
using Value = std::optional<std::int64_t>;

constexpr std::string_view k_urn_prefix = "urn:fob:";

// Every word that `word_of` finds in the table of errors, once.
std::vector<std::string_view> words(std::string_view (*word_of)(const ErrorTraits&)) {
  std::vector<std::string_view> words;
  for (int code = 0; code <= static_cast<int>(ErrorCode::internal); ++code) {
    const auto word = word_of(traits(static_cast<ErrorCode>(code)));
    if (!word.empty() && std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
  }
  return words;
}

std::vector<std::string_view> kinds() {
  return words([](const ErrorTraits& row) { return row.kind; });
}

std::vector<std::string_view> urns() {
  return words([](const ErrorTraits& row) { return row.urn; });
}

// A gauge of a profile: a row of the one table below. Where there is nothing to tell, there is no sample.
struct Gauge {
  std::string_view name, unit, help;
  Value (*value)(const Status& status, const DaemonSample& daemon);
};

Value credential_age(const Status& s, const DaemonSample& daemon) {
  if (!s.token || !s.token->credential_stored_at) return std::nullopt;
  // Whoever sets the clock back makes nothing younger than new.
  const auto age = std::chrono::floor<seconds>(daemon.wall_now - *s.token->credential_stored_at);
  return std::max(age, seconds(0)).count();
}

constexpr std::array k_gauges = {
    Gauge{"fob_token_valid", "", "Whether there is a valid token.",
          [](const Status& s, const DaemonSample&) { return Value(s.token != nullptr); }},
    Gauge{"fob_token_expires_in_seconds", "seconds",
          "How long the token at hand lives on; 0 where there is none.",
          [](const Status& s, const DaemonSample& d) {
            return Value(s.token ? std::chrono::round<seconds>(s.token->left(d.now)).count() : 0);
          }},
    Gauge{"fob_token_lifetime_seconds", "seconds",
          "The whole life of the token at hand as it was measured; none without a token.",
          [](const Status& s, const DaemonSample&) {
            return s.token ? Value(std::chrono::round<seconds>(s.token->lifetime()).count()) : Value();
          }},
    Gauge{"fob_next_attempt_in_seconds", "seconds",
          "When the next refresh is planned; none while one is under way or the profile sleeps.",
          [](const Status& s, const DaemonSample&) {
            return s.next_attempt_in ? Value(std::chrono::ceil<seconds>(*s.next_attempt_in).count())
                                     : Value();
          }},
    Gauge{"fob_idle", "", "Whether no refresh is planned since nobody asks for the profile's tokens.",
          [](const Status& s, const DaemonSample&) { return Value(s.idle); }},
    Gauge{"fob_credential_refused", "",
          "Whether the last word on the credential is a refusal: an alarm, also while its token lives.",
          [](const Status& s, const DaemonSample&) { return Value(s.alarm.has_value()); }},
    Gauge{"fob_fallback", "", "Whether another credential is used in the place of one that is refused.",
          [](const Status& s, const DaemonSample&) { return Value(s.slots.fallback.has_value()); }},
    Gauge{"fob_staged_refused", "", "Whether the authority refused the credential that is staged.",
          [](const Status& s, const DaemonSample&) { return Value(s.slots.staged_refused.has_value()); }},
    Gauge{"fob_credential_version", "",
          "The version of the credential that brought the token at hand; none without a token.",
          [](const Status& s, const DaemonSample&) {
            return s.token ? Value(s.token->credential_version) : Value();
          }},
    Gauge{"fob_credential_age_seconds", "seconds",
          "How long ago the credential that brought the token at hand was stored, by the device's clock; "
          "none where that is not known.",
          credential_age},
};

void write_gauges(Exposition& out, const DaemonSample& daemon) {
  for (const auto& gauge : k_gauges) {
    out.family(gauge.name, MetricType::gauge, gauge.unit, gauge.help);
    for (const auto& [profile, status] : daemon.profiles)
      if (const auto value = gauge.value(status, daemon)) out.sample({{"profile", profile}}, *value);
  }
  out.family("fob_clock_skew_seconds", MetricType::gauge, "seconds",
             "This device's clock less the authority's at the last exchange that told; none where none did.");
  for (const auto& [profile, status] : daemon.profiles)
    if (status.clock_skew)
      out.sample({{"profile", profile}}, std::chrono::duration<double>(*status.clock_skew).count());
}

// Each kind has its series from the beginning: of a counter that begins at 1 nobody sees the first.
void write_failures(Exposition& out, const DaemonSample& daemon) {
  const auto all_kinds = kinds();
  out.family("fob_failing", MetricType::gauge, "", "Whether the last exchange failed, and in this way.");
  for (const auto& [profile, status] : daemon.profiles)
    for (const auto kind : all_kinds) {
      const bool is_it =
          status.failing && status.last_failure && traits(status.last_failure->code).kind == kind;
      out.sample({{"profile", profile}, {"kind", kind}}, std::int64_t(is_it));
    }
  out.family("fob_exchange_failures", MetricType::counter, "", "Refreshes that failed, by how.");
  for (const auto& [profile, status] : daemon.profiles)
    for (const auto kind : all_kinds) {
      std::int64_t count = 0;
      for (const auto& [code, times] : status.failures)
        if (traits(code).kind == kind) count += static_cast<std::int64_t>(times);
      out.sample({{"profile", profile}, {"kind", kind}}, count);
    }
}

void write_durations(Exposition& out, const DaemonSample& daemon) {
  out.family("fob_exchange_duration_seconds", MetricType::histogram, "seconds",
             "How long refreshes took, whether they failed or not.");
  for (const auto& [profile, status] : daemon.profiles) {
    std::uint64_t so_far = 0;
    for (std::size_t i = 0; i < status.took.counts.size(); ++i) {
      so_far += status.took.counts[i];
      const auto& bounds = DurationHistogram::k_bounds;
      const std::string bound = i < bounds.size() ? number_text(bounds[i]) : "+Inf";
      out.part("_bucket", {{"profile", profile}, {"le", bound}}, std::to_string(so_far));
    }
    out.part("_sum", {{"profile", profile}}, number_text(status.took.sum));
    out.part("_count", {{"profile", profile}}, std::to_string(so_far));
  }
}

// A counter of a profile by how it went.
struct Outcome {
  std::string_view result;
  std::uint64_t (*count)(const Status& status);
};

constexpr std::array k_exchanges = {Outcome{"ok", [](const Status& s) { return s.exchanges_ok; }},
                                    Outcome{"failed", [](const Status& s) { return s.exchanges_failed; }}};
constexpr std::array k_rejections = {
    Outcome{"ok", [](const Status& s) { return s.rejections.ok; }},
    Outcome{"too-soon", [](const Status& s) { return s.rejections.too_soon; }},
    Outcome{"failed", [](const Status& s) { return s.rejections.failed; }}};

template <typename Outcomes>
void write_outcomes(Exposition& out, const DaemonSample& daemon, const Outcomes& outcomes) {
  for (const auto& [profile, status] : daemon.profiles)
    for (const auto& outcome : outcomes)
      out.sample({{"profile", profile}, {"result", outcome.result}},
                 static_cast<std::int64_t>(outcome.count(status)));
}

void write_counters(Exposition& out, const DaemonSample& daemon) {
  out.family("fob_exchanges", MetricType::counter, "", "Refreshes by how they ended.");
  write_outcomes(out, daemon, k_exchanges);
  write_failures(out, daemon);
  write_durations(out, daemon);
  out.family("fob_rejections", MetricType::counter, "",
             "Tokens that apps reported as rejected: answered with another one, refused since one had just "
             "been fetched, or not to be replaced.");
  write_outcomes(out, daemon, k_rejections);
  out.family("fob_served", MetricType::counter, "", "Tokens given to apps at their requests.");
  for (const auto& [profile, status] : daemon.profiles)
    out.sample({{"profile", profile}}, static_cast<std::int64_t>(status.served));
}

void write_sockets(Exposition& out, const DaemonSample& daemon) {
  const auto all_urns = urns();
  out.family("fob_requests", MetricType::counter, "",
             "Requests by how they were answered: served, or the problem they were refused with.");
  for (const auto& [socket, traffic] : daemon.sockets) {
    out.sample({{"socket", socket}, {"outcome", "served"}}, static_cast<std::int64_t>(traffic.served));
    for (const auto urn : all_urns) {
      const auto found = traffic.refused.find(urn);
      const auto count = found == traffic.refused.end() ? 0 : static_cast<std::int64_t>(found->second);
      out.sample({{"socket", socket}, {"outcome", urn.substr(k_urn_prefix.size())}}, count);
    }
  }
  const auto open = [&](std::string_view name, std::string_view help, std::size_t Traffic::*count) {
    out.family(name, MetricType::gauge, "", help);
    for (const auto& [socket, traffic] : daemon.sockets)
      out.sample({{"socket", socket}}, static_cast<std::int64_t>(traffic.*count));
  };
  open("fob_connections", "Connections that are open.", &Traffic::connections);
  open("fob_event_streams", "Connections on which events are followed.", &Traffic::event_streams);
  open("fob_page_readers", "Connections that hold a token page.", &Traffic::page_readers);
}

}  // namespace

std::string metrics_text(const DaemonSample& daemon, Exposed format) {
  Exposition out(format);
  out.family("fob_up", MetricType::gauge, "", "fobd runs.");
  out.sample({}, std::int64_t(1));
  out.family("fob_build", MetricType::info, "", "Which fobd runs.");
  out.sample({{"version", FOB_VERSION}}, std::int64_t(1));
  out.family("fob_start_time_seconds", MetricType::gauge, "seconds",
             "When fobd started, in seconds since the epoch.");
  out.sample({}, std::chrono::floor<seconds>(daemon.started).time_since_epoch().count());
  write_gauges(out, daemon);
  write_counters(out, daemon);
  write_sockets(out, daemon);
  return std::move(out).finish();
}

}  // namespace fob::broker
