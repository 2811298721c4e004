// A trial exchange: fob-exchange tries the credential that is staged in the slot `next`. The token it brings
// is forgotten; that there was one is what matters. In the system installation the profile's own unit does
// it, as it will do it for fobd; elsewhere fob runs the program itself, with the operator's rights.
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

/// The same, asked of the unit that listens on `socket`. Its failures name the unit.
wire::ExchangeAnswer try_staged_credential_by_unit(const std::string& profile,
                                                   const std::filesystem::path& socket, const Clock& clock,
                                                   std::chrono::milliseconds within);

}  // namespace fob::cli
