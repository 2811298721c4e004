// Questions and answers on one connected Unix socket, one after the other, until the other side has no more.
// The other side is the broker, which is what apps attack: bounded in size, and nothing but the one message
// is understood.
#pragma once

#include "daemon/witness/program_file.hpp"

#include <optional>
#include <sys/types.h>

namespace fob::witness {

/// Answers until the end. False where the other side said what is no question.
bool converse(int socket, HashCache& hashes);

/// Who is at the other end; nothing where this is no Unix socket.
std::optional<uid_t> asker_of(int socket);

}  // namespace fob::witness
