// Seals a bundle: one box for each device, in the order of their keys, signed over all. The file is written
// as it is made, beside its target, and takes its name only when it is whole and on disk.
#pragma once

#include "daemon/fleet/bundle_header.hpp"
#include "daemon/fleet/credentials.hpp"
#include "daemon/fleet/device_list.hpp"
#include "daemon/fleet/operator_key.hpp"
#include "ipc/base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace fob::fleet {

/// What the operator decides about a bundle.
struct SealOrder {
  std::string profile;
  std::uint64_t serial = 0;
  Time created;
  Time not_before;
  Time not_after;
  std::vector<Wave> waves;
};

/// Told now and then how many boxes are sealed, of how many; last with all of them.
using Progress = std::function<void(std::uint64_t sealed, std::uint64_t devices)>;

/// Writes a bundle for all of `devices` to `target` (0644: it holds nothing but sealed boxes), each in a wave
/// drawn by lot. Returns its header. Fails with bad_request (the order, a device or a credential will not do)
/// or internal (it cannot be written); then `target` is untouched and nothing is left beside it.
Result<BundleHeader> seal_bundle(const std::filesystem::path& target, const SealOrder& order,
                                 const DeviceList& devices, const Credentials& credentials,
                                 const OperatorKey& key, const Progress& progress = {});

}  // namespace fob::fleet
