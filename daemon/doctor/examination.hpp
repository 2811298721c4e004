// All checks, in their order. Each stands on those before it: without a configuration there is no store to
// open and no endpoint to go to.
#pragma once

#include "daemon/doctor/finding.hpp"
#include "daemon/doctor/patient.hpp"

#include <vector>

namespace fob::doctor {

/// Looks, and changes nothing. Takes as long as the endpoints take to answer.
std::vector<Finding> examine(const Patient& patient);

}  // namespace fob::doctor
