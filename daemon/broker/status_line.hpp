// How fobd does, as one line of `systemctl status fob`: each profile's state, and what is missing.
#pragma once

#include "daemon/broker/metrics.hpp"

#include <string>
#include <vector>

namespace fob::broker {

/// "prod-query: valid; staging: none (no-credential: …)": what is in trouble first, with the reason and what
/// to do about it. Changes only when a state does. Control characters, if any, are the reader's to replace.
std::string status_line(const std::vector<ProfileSample>& profiles);

}  // namespace fob::broker
