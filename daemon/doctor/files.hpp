// Configuration and the files it names: whether they can be read, make sense, and are closed to those who
// could redirect a credential.
#pragma once

#include "daemon/doctor/finding.hpp"
#include "daemon/doctor/patient.hpp"

#include <optional>
#include <vector>

namespace fob::doctor {

struct ReadConfiguration {
  std::optional<config::Config> config;  ///< nothing where it cannot be used
  std::vector<Finding> findings;
};

ReadConfiguration read_configuration(const Patient& patient);

}  // namespace fob::doctor
