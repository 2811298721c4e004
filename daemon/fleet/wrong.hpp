// How this folder says that what it was given is wrong.
#pragma once

#include "ipc/base/result.hpp"

#include <string>
#include <utility>

namespace fob::fleet {

inline Error wrong(std::string detail) { return fail(ErrorCode::bad_request, std::move(detail)); }

}  // namespace fob::fleet
