// fobd's status document as one calm screen for a person.
#pragma once

#include "ipc/base/result.hpp"

#include <string>
#include <string_view>

namespace fob::cli {

/// Fails with ErrorCode::internal where `document` is not the answer of GET /v1/status.
Result<std::string> status_screen(std::string_view document, bool coloured);

}  // namespace fob::cli
