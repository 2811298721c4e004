// What fobd shows of a profile, to operators and to peers that are granted it: what it has and until when,
// when it tries next and why, what last went wrong, and how often. One shape everywhere; never a token. Who
// else has it is for operators alone.
#pragma once

#include "daemon/broker/token_keeper.hpp"
#include "ipc/wire/json.hpp"

namespace fob::broker {

wire::Json profile_state(const TokenKeeper& keeper, const Clock& clock);

/// The same and `served_to`: who was lately given its token.
wire::Json profile_state_for_operators(const TokenKeeper& keeper, const Clock& clock);

}  // namespace fob::broker
