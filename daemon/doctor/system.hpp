// What fob stands on: systemd's units, the kernel's means of confinement, and programs of one version.
#pragma once

#include "daemon/doctor/finding.hpp"
#include "daemon/doctor/patient.hpp"
#include "daemon/store/credential_store.hpp"
#include "ipc/wire/json.hpp"

#include <string_view>
#include <vector>

namespace fob::doctor {

/// fobd's units, and those of each profile that has a credential.
std::vector<Finding> examine_units(const Patient& patient, const store::Listing* listing);

/// What `systemctl show` says of units, as findings. Pure.
std::vector<Finding> judge_units(const Patient& patient, std::string_view shown);

/// Whether fobd is confined by the kernel; `status` is fobd's, or nothing.
Finding examine_sandbox(const Patient& patient, const wire::Json* status);

/// Whether fob, fobd and fob-exchange are of one version.
Finding examine_versions(const Patient& patient, const wire::Json* status);

}  // namespace fob::doctor
