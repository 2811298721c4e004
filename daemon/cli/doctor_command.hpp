// fob doctor: what daemon/doctor finds, on one screen or as JSON, and as an exit status.
#pragma once

#include "daemon/cli/context.hpp"
#include "daemon/doctor/finding.hpp"

#include <string>
#include <vector>

namespace fob::cli {

/// A line for each finding, and below it the command that mends it.
std::string doctor_screen(const std::vector<doctor::Finding>& findings, bool coloured);

/// The same as one JSON object; see docs/operators.md.
std::string doctor_json(const std::vector<doctor::Finding>& findings, WallTime now);

/// 0 where nothing failed; else the status of the first failure's code.
int exit_status_of(const std::vector<doctor::Finding>& findings);

Result<int> run_doctor(bool as_json, const Context& context);

}  // namespace fob::cli
