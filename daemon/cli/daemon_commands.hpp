// fob status, refresh, reload: what operators ask of fobd on its control socket.
#pragma once

#include "daemon/cli/context.hpp"

#include <optional>
#include <string>

namespace fob::cli {

Result<int> show_status(bool as_json, const Context& context);
/// The same screen again every second, on a terminal, also while fobd is being restarted. Ends by a signal,
/// or where the terminal is gone.
Result<int> watch_status(const Context& context);
/// Waits for the outcome; 0 only when a new token is in force.
Result<int> refresh(const std::optional<std::string>& profile, const Context& context);
Result<int> reload(const Context& context);

}  // namespace fob::cli
