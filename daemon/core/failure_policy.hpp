// How the refresh treats each kind of failure: one table. Pure.
#pragma once

#include "ipc/base/error.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace fob::core {

/// An exchange that brought no token.
struct Failure {
  ErrorCode code = ErrorCode::internal;
  std::string detail;
  std::optional<std::chrono::milliseconds> retry_after;
};

/// What happens around the device that may let an exchange succeed which failed before.
enum class Change : std::uint8_t {
  network_up,  ///< a link, an address or a default route is there that was not
  clock_set,   ///< the wall clock was set
  resumed,     ///< the device slept and is awake again
};

struct FailurePolicy {
  /// Only a person can mend it: probed slowly, until the credential or the configuration changes.
  bool needs_person;
  /// The network lies between: another network, or the same one again, may mend it.
  bool ended_by_network;
  /// A right clock may mend it.
  bool ended_by_clock;
  /// Many devices may have failed for one reason, and would come back together.
  bool shared;
  /// It has nothing to do with the credential: with another one the same would have happened.
  bool any_credential;
  /// The authority was asked, and does not take this credential.
  bool refused;
};

FailurePolicy policy_of(ErrorCode kind);

/// Whether the wait after a failure of this kind ends with this change.
bool ends_wait(Change change, ErrorCode kind);

}  // namespace fob::core
