#include "daemon/broker/metrics.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fob::broker {
namespace {

using std::chrono::seconds;

// A label's value, as the format wants it escaped. Profile names hold nothing of it, but their check is not
// this file's.
std::string label(std::string_view name, std::string_view value) {
  std::string text = std::string(name) + "=\"";
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    text += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return text + '"';
}

// A row of the one table below. Where there is nothing to tell, there is no sample.
struct Metric {
  std::string_view name, type, help;
  std::string_view more_label;  ///< besides the profile; or nothing
  std::optional<std::int64_t> (*value)(const TokenKeeper::Status& status, BootTime now);
};

std::int64_t expires_in(const TokenKeeper::Status& status, BootTime now) {
  return status.token ? std::chrono::round<seconds>(status.token->left(now)).count() : 0;
}

using Value = std::optional<std::int64_t>;
using Status = TokenKeeper::Status;

constexpr std::array k_metrics = {
    Metric{"fob_token_expires_in_seconds", "gauge",
           "How long the token at hand lives on; 0 where there is none.", "",
           [](const Status& s, BootTime now) { return Value(expires_in(s, now)); }},
    Metric{"fob_token_valid", "gauge", "Whether there is a valid token.", "",
           [](const Status& s, BootTime) { return Value(s.token != nullptr); }},
    Metric{"fob_credential_refused", "gauge",
           "Whether the last word on the credential is a refusal: an alarm, also while its token lives.", "",
           [](const Status& s, BootTime) { return Value(s.alarm.has_value()); }},
    Metric{"fob_fallback", "gauge", "Whether another credential is used in the place of one that is refused.",
           "", [](const Status& s, BootTime) { return Value(s.slots.fallback.has_value()); }},
    Metric{"fob_exchanges_total", "counter", "Refreshes by how they ended.", "result=\"ok\"",
           [](const Status& s, BootTime) { return Value(s.exchanges_ok); }},
    Metric{"fob_exchanges_total", "counter", "", "result=\"failed\"",
           [](const Status& s, BootTime) { return Value(s.exchanges_failed); }},
    Metric{"fob_served_total", "counter", "Tokens given to apps.", "",
           [](const Status& s, BootTime) { return Value(s.served); }},
    Metric{"fob_next_attempt_in_seconds", "gauge",
           "When the next refresh is planned; none while one is under way or the profile sleeps.", "",
           [](const Status& s, BootTime) {
             return s.next_attempt_in ? Value(std::chrono::ceil<seconds>(*s.next_attempt_in).count())
                                      : Value();
           }},
    Metric{"fob_credential_version", "gauge", "The version of the credential that brought the token at hand.",
           "",
           [](const Status& s, BootTime) { return s.token ? Value(s.token->credential_version) : Value(); }},
};

std::string heading(std::string_view name, std::string_view type, std::string_view help) {
  std::string lines = "# HELP ";
  lines.append(name).append(" ").append(help).append("\n# TYPE ");
  return lines.append(name).append(" ").append(type).append("\n");
}

}  // namespace

std::string metrics_text(const std::vector<ProfileSample>& profiles, BootTime now) {
  std::string text = heading("fob_up", "gauge", "fobd runs.") + "fob_up 1\n";
  for (const auto& metric : k_metrics) {
    if (!metric.help.empty()) text += heading(metric.name, metric.type, metric.help);
    for (const auto& [profile, status] : profiles) {
      const auto value = metric.value(status, now);
      if (!value) continue;
      text.append(metric.name).append("{").append(label("profile", profile));
      if (!metric.more_label.empty()) text.append(",").append(metric.more_label);
      text += "} " + std::to_string(*value) + "\n";
    }
  }
  return text;
}

}  // namespace fob::broker
