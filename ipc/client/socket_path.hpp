// Where an app finds fobd's app socket, unless it says.
#pragma once

#include <string>

namespace fob::client {

/// The first of: $FOB_SOCKET, $FOB_RUNTIME_DIR/fob.sock, the user's own daemon's where there is one, the
/// system's. A program that gained rights at its start (secure_getenv(3)) does not follow its environment.
std::string default_app_socket();

}  // namespace fob::client
