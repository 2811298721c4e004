#include "daemon/fleet/report.hpp"

#include "daemon/fleet/refusal.hpp"

#include <algorithm>
#include <set>
#include <string_view>

namespace fob::fleet {
namespace {

bool is_trouble(const Receipt& receipt) {
  switch (receipt.outcome) {
    case Outcome::refused:
    case Outcome::rejected:
    case Outcome::failed:
      return receipt.reason != traits(Reason::replayed).word;
    case Outcome::applied:
    case Outcome::staged:
    case Outcome::waiting:
      return false;
  }
  return true;
}

template <class T>
bool newest_first(const T& a, const T& b) {
  return a.profile != b.profile ? a.profile < b.profile : a.serial > b.serial;
}

}  // namespace

void ReportBuilder::add(const Receipt& receipt) {
  ++receipts_;
  const bool weak = receipt.outcome == Outcome::refused || receipt.outcome == Outcome::waiting;
  auto& devices = bundles_[{receipt.profile, receipt.serial}];
  const auto [place, is_first] = devices.try_emplace(receipt.device);
  Latest& latest = place->second;
  // A file that was refused may only claim to be this bundle, or be this bundle once more: it says less than
  // what became of the bundle, whichever came later.
  const bool counts = is_first || (weak == latest.weak ? receipt.time >= latest.time : latest.weak);
  if (!counts) return;

  std::uint32_t trouble = latest.trouble;
  if (!is_trouble(receipt)) {
    trouble = 0;
  } else if (trouble == 0) {
    troubles_.push_back(receipt);
    trouble = static_cast<std::uint32_t>(troubles_.size());
  } else {
    troubles_[trouble - 1] = receipt;
  }
  latest = {receipt.time, receipt.outcome, weak, trouble};
}

bool ReportBuilder::has_newer(const std::string& device, Time time) const {
  return std::any_of(bundles_.begin(), bundles_.end(), [&](const auto& bundle) {
    const auto found = bundle.second.find(device);
    return found != bundle.second.end() && found->second.time > time;
  });
}

Report ReportBuilder::finish(const DeviceList* enrolled) const {
  Report report;
  report.receipts = receipts_;
  std::set<std::string_view> answered;  // devices that have a receipt of a newer serial of this profile
  const std::string* profile = nullptr;
  // By profile, the newest serial first: so backwards, and turned round at the end.
  for (auto it = bundles_.rbegin(); it != bundles_.rend(); ++it) {
    const auto& [bundle, devices] = *it;
    const bool is_newest = profile == nullptr || *profile != bundle.first;
    if (is_newest) answered.clear();
    profile = &bundle.first;
    BundleProgress progress{bundle.first, bundle.second, {}, {}};
    for (const auto& [device, latest] : devices) {
      ++progress.devices.at(static_cast<std::size_t>(latest.outcome));
      const bool is_latest = answered.insert(device).second;
      // Where the bundle could not be read, no profile says what is newer; the time must do.
      const bool is_over = bundle.first.empty() && has_newer(device, latest.time);
      if (latest.trouble != 0 && is_latest && !is_over)
        report.attention.push_back(troubles_[latest.trouble - 1]);
    }
    if (is_newest && !bundle.first.empty() && enrolled != nullptr)
      progress.silent = silent(*enrolled, devices);
    report.bundles.push_back(std::move(progress));
  }
  std::sort(report.bundles.begin(), report.bundles.end(), newest_first<BundleProgress>);
  std::sort(report.attention.begin(), report.attention.end(), [](const Receipt& a, const Receipt& b) {
    return newest_first(a, b) || (!newest_first(b, a) && a.device < b.device);
  });
  return report;
}

std::vector<std::string> ReportBuilder::silent(const DeviceList& enrolled, const Devices& answered) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < enrolled.size(); ++i)
    if (answered.find(enrolled.id(i)) == answered.end()) names.emplace_back(enrolled.id(i));
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace fob::fleet
