// Reads an event stream of fobd's, event by event: what apps and operators follow alike.
#pragma once

#include "ipc/client/client.hpp"
#include "ipc/wire/event_stream.hpp"

#include <functional>
#include <string>

namespace fob::client {

/// Hands over each event of this target until `taken` says false. Fails as Client::follow() does, and where
/// the stream is none.
Result<void> follow_events(const Client& client, std::string target,
                           const std::function<bool(const wire::Event& event)>& taken);

}  // namespace fob::client
