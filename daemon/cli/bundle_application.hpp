// A fleet bundle on its device: verified, judged, and its credential rotated in as an operator's would be.
// The bundle is hostile until its signature has been verified; whatever happens ends in a receipt.
#pragma once

#include "daemon/cli/enrolment.hpp"
#include "daemon/fleet/bundle_source.hpp"
#include "daemon/fleet/identity.hpp"
#include "daemon/fleet/receipt.hpp"
#include "daemon/fleet/verdict.hpp"
#include "ipc/base/clock.hpp"

#include <functional>
#include <string>
#include <vector>

namespace fob::cli {

/// What a bundle meets on a device.
struct Device {
  EnrolmentWorld world;
  const fleet::DeviceIdentity& identity;
  std::vector<fleet::PublicKey> signers;  ///< the operators' keys that count
  std::function<bool(const std::string& profile)> has_profile;
  /// Whether there is a receipt already that says of this bundle that it was taken.
  std::function<bool(const fleet::Receipt& receipt)> was_told;
  const Clock& clock;
};

struct Application {
  fleet::Receipt receipt;
  std::optional<fleet::Time> look_again;  ///< of a bundle that waits
};

/// Applies what `bundle` holds for this device, once its time has come. `name` is what the receipt calls it.
Application apply_bundle(const fleet::BundleSource& bundle, const std::string& name, const Device& device);

/// What became of a bundle that was staged; nothing: it still is, or is in force and no authority has
/// accepted it yet. That another credential is in its place does not say that one did.
std::optional<fleet::Receipt> follow_up(const fleet::Receipt& staged, const EnrolmentWorld& world,
                                        const Clock& clock);

/// A receipt of a bundle that could not even be opened.
fleet::Receipt refusal_receipt(const fleet::Refusal& refusal, const std::string& name, const Device& device);

}  // namespace fob::cli
