#include "daemon/doctor/examination.hpp"

#include "daemon/doctor/files.hpp"
#include "daemon/doctor/probing.hpp"
#include "daemon/doctor/running.hpp"
#include "daemon/doctor/stored.hpp"
#include "daemon/doctor/system.hpp"

#include <algorithm>
#include <utility>

namespace fob::doctor {
namespace {

class Findings {
 public:
  // Behind those of its check and of the checks before it.
  void add(Finding finding) {
    const auto before = [](const Finding& a, const Finding& b) { return a.check < b.check; };
    const auto place = std::upper_bound(all_.begin(), all_.end(), finding, before);
    all_.insert(place, std::move(finding));
  }
  void add(std::vector<Finding> more) {
    for (auto& finding : more) add(std::move(finding));
  }
  bool has(Check check) const {
    return std::any_of(all_.begin(), all_.end(), [&](const Finding& f) { return f.check == check; });
  }
  std::vector<Finding> in_order() { return std::move(all_); }

 private:
  std::vector<Finding> all_;
};

}  // namespace

std::vector<Finding> examine(const Patient& patient) {
  Findings findings;
  auto read = read_configuration(patient);
  findings.add(std::move(read.findings));
  auto daemon = ask_daemon(patient);
  const auto* status = daemon.status ? &*daemon.status : nullptr;
  ReadStore store;
  if (read.config) {
    store = read_store(patient, *read.config);
    const auto* listing = store.listing ? &*store.listing : nullptr;
    findings.add(std::move(store.findings));
    findings.add(probe_endpoints(patient, *read.config));
    findings.add(judge_profiles(patient, *read.config, daemon, listing));
    findings.add(judge_grants(patient, *read.config, daemon));
  }
  findings.add(std::move(daemon.findings));
  findings.add(examine_units(patient, store.listing ? &*store.listing : nullptr));
  findings.add(examine_sandbox(patient, status));
  findings.add(examine_versions(patient, status));
  if (!findings.has(Check::permissions))
    findings.add(read.config ? pass(Check::permissions, "what was read is closed to others")
                             : skip(Check::permissions, "not looked at without a configuration"));
  return findings.in_order();
}

}  // namespace fob::doctor
