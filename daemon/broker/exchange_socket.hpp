// An exchange in the system installation: each profile's fob-exchange is a unit of its own, which alone has
// that profile's credential, and is asked through DIRECTORY/PROFILE.sock. fobd starts no program there, and
// could not.
#pragma once

#include "daemon/broker/exchange_process.hpp"

namespace fob::broker {

/// An Exchange that asks the profile's unit each time. One that is silent for longer than `deadline` is given
/// up; its unit's own limits end it.
Exchange exchange_by_socket(boost::asio::any_io_executor executor, std::filesystem::path directory,
                            std::chrono::milliseconds deadline = wire::k_exchange_deadline);

}  // namespace fob::broker
