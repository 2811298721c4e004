// What fobd may still do from its first request on. By its own hand, so that it holds without systemd too,
// and inside of systemd's sandbox once more.
#pragma once

#include "daemon/config/locations.hpp"
#include "ipc/base/result.hpp"

#include <string>

namespace fob::broker {

/// From here on: no network socket, no execution, no file written, none read but the configuration and what
/// users and processes are looked up in, no process traced. Returns what this kernel cannot enforce, for the
/// log; "" if nothing. Fails with ErrorCode::internal where the kernel refuses.
Result<std::string> confine_broker(const config::Locations& at);

}  // namespace fob::broker
