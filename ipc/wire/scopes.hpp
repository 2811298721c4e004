// A token's scopes as a member of a message.
#pragma once

#include "ipc/wire/json.hpp"

#include <string>
#include <vector>

namespace fob::wire {

/// The member `scopes`, a list of at most k_max_scopes scopes; an absent one is empty. Fails with bad_answer.
Result<std::vector<std::string>> scopes_member(const Json& object);

}  // namespace fob::wire
