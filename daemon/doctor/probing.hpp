// The way to each endpoint: fob-exchange goes it without a credential (fob-exchange --probe), and what it
// found is told as clock, DNS, proxy, TLS chain and endpoint.
#pragma once

#include "daemon/doctor/finding.hpp"
#include "daemon/doctor/patient.hpp"
#include "ipc/wire/probe_line.hpp"

#include <string>
#include <vector>

namespace fob::doctor {

/// Goes all ways of `config`, each once however many profiles share it.
std::vector<Finding> probe_endpoints(const Patient& patient, const config::Config& config);

/// What one probe tells. `profiles` is how to call them, `profile` the first of them. Pure.
std::vector<Finding> judge_probe(const Patient& patient, const std::string& profiles,
                                 const config::Profile& profile, const wire::Probe& probe, WallTime now);

}  // namespace fob::doctor
