// fob fleet enrol and apply: what happens on a device, with the rights to write to its credential store.
#pragma once

#include "daemon/cli/context.hpp"

#include <optional>
#include <string>
#include <vector>

namespace fob::cli {

/// Prints the device's enrol line; its keys are made where there are none yet.
Result<int> fleet_enrol(const std::optional<std::string>& id, const Context& context);

struct ApplyOptions {
  std::vector<std::string> bundles;  ///< none: what lies in the inbox
  std::vector<std::string> signers;  ///< public keys that count besides the configured ones
  bool watch = false;
};
/// Exit status: 0 where every bundle was applied, staged or waits; 6 where the authority rejected one, 8
/// where the store failed, 1 where one was refused.
Result<int> fleet_apply(const ApplyOptions& options, const Context& context);

}  // namespace fob::cli
