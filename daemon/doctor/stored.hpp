// The credential store, looked at by whoever may: whether it opens, what is in it, and the key it opens with.
#pragma once

#include "daemon/doctor/finding.hpp"
#include "daemon/doctor/patient.hpp"
#include "daemon/store/credential_store.hpp"

#include <optional>
#include <vector>

namespace fob::doctor {

struct ReadStore {
  std::optional<store::Listing> listing;  ///< nothing where it could not be looked at
  std::vector<Finding> findings;
};

ReadStore read_store(const Patient& patient, const config::Config& config);

}  // namespace fob::doctor
