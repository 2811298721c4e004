// What the exchanger may still do once it has read its credential and before it hears the network: connect to
// the one endpoint's port, resolve its name, read certificates. By its own hand, so that it holds without
// systemd too, and inside of systemd's sandbox once more.
#pragma once

#include "daemon/config/locations.hpp"
#include "daemon/exchanger/http_message.hpp"
#include "ipc/base/result.hpp"

namespace fob::exchanger {

/// Confines this process to what `request` takes; the store is out of reach from here on, and nothing can be
/// written or executed. Once a process: what another request of the same profile needs is included. Fails
/// with ErrorCode::internal where the kernel refuses; the process may then go on as it is.
Result<void> confine_to(const HttpRequest& request, const config::Locations& at);

}  // namespace fob::exchanger
