// A trial exchange: fob-exchange, run by fob itself with the operator's rights, tries the credential that is
// staged in the slot `next`. The token it brings is forgotten; that there was one is what matters.
#pragma once

#include "daemon/config/locations.hpp"
#include "ipc/base/clock.hpp"
#include "ipc/wire/exchange_line.hpp"

#include <chrono>
#include <filesystem>
#include <string>

namespace fob::cli {

/// What fob-exchange answers. Where it cannot be started, dies, babbles or stays silent for longer than
/// `within`, that too is a failure with a detail that says so.
wire::ExchangeAnswer try_staged_credential(const std::string& profile, const std::filesystem::path& exchanger,
                                           const config::Locations& locations, const Clock& clock,
                                           std::chrono::milliseconds within);

}  // namespace fob::cli
