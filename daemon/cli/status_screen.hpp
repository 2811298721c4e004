// fobd's status document as one calm screen for a person.
#pragma once

#include "ipc/base/clock.hpp"
#include "ipc/base/result.hpp"

#include <string>
#include <string_view>

namespace fob::cli {

/// `now` is this device's, for ages. Fails with ErrorCode::internal where `document` is not the answer of
/// GET /v1/status.
Result<std::string> status_screen(std::string_view document, WallTime now, bool coloured);

}  // namespace fob::cli
