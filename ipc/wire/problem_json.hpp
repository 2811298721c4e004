// A problem document as a JSON value, for those that add members of their own to it (RFC 9457 §3.2).
#pragma once

#include "ipc/wire/app_messages.hpp"
#include "ipc/wire/json.hpp"

namespace fob::wire {

Json to_json(const Problem& problem);

}  // namespace fob::wire
