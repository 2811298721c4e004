#include "daemon/broker/status_line.hpp"

#include "ipc/base/error.hpp"

namespace fob::broker {
namespace {

// Every line of text counts: a detail may be a paragraph.
constexpr std::size_t k_max_reason = 300;

std::string text_of(const ProfileSample& sample) {
  std::string text = sample.profile + ": " + std::string(state_word(sample.status));
  if (sample.status.alarm) text += ", ALARM";
  if (!sample.status.failing || !sample.status.last_failure) return text;
  const auto& failure = *sample.status.last_failure;
  return text + " (" + std::string(traits(failure.code).kind) + ": " +
         failure.detail.substr(0, k_max_reason) + ")";
}

}  // namespace

std::string status_line(const std::vector<ProfileSample>& profiles) {
  if (profiles.empty()) return "no profile is configured; add one to fob.toml, then: fob reload";
  std::string troubled, well;
  for (const auto& sample : profiles) {
    std::string& part = sample.status.failing ? troubled : well;
    part += (part.empty() ? "" : "; ") + text_of(sample);
  }
  return troubled + (troubled.empty() || well.empty() ? "" : "; ") + well;
}

}  // namespace fob::broker
