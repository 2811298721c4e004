// What fob-gateway gives up before it hears a byte of an app's: every file but those that libcurl reads,
// every port but upstream's, and listening anew. Landlock and seccomp hold thread by thread, so it comes
// before the first other one; and after the sockets are open, for none may be listened at from then on.
#pragma once

#include "daemon/config/config.hpp"
#include "ipc/base/result.hpp"

#include <string>

namespace fob::gateway {

/// Returns what this kernel does not hold it to, in words; "" mostly. Fails with internal.
Result<std::string> confine_gateway(const config::Config& config);

}  // namespace fob::gateway
