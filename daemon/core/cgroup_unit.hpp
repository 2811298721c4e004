// Which systemd unit a process belongs to, by the path of its control group: systemd's own rule
// (src/basic/cgroup-util.c), without systemd. A process cannot choose its control group, but the names below
// what is delegated to a user or a service are theirs, so only the first component that names a unit counts;
// and a user's manager makes units of its own, which are told apart from the system's by its name before
// theirs.
#pragma once

#include "ipc/base/result.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace fob::core {

/// More than a control group's path can have: PATH_MAX, in each of some twenty hierarchies.
inline constexpr std::size_t k_max_cgroup_text = 128 * 1024;

/// From the text of /proc/PID/cgroup: "x.service" or "y.scope" of the system's manager, or
/// "user@1000.service/x.service" of that user's. Fails with ErrorCode::not_found, saying why it is in no
/// unit.
Result<std::string> unit_of_cgroup(std::string_view text);

/// The user manager in a unit so named: "user@1000.service"; nothing for a unit of the system's.
std::optional<std::string> user_manager_of(std::string_view unit);

/// What `unit = "…"` of a grant means, as unit_of_cgroup() would say it: with a "/" a user's unit, as it
/// stands; without, one of the manager that fobd itself belongs to. Fails with ErrorCode::config where it can
/// be no unit.
Result<std::string> unit_of_grant(std::string_view written, const std::optional<std::string>& own_manager);

}  // namespace fob::core
