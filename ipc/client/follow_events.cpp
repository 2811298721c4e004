#include "ipc/client/follow_events.hpp"

#include "ipc/wire/limits.hpp"

#include <utility>

namespace fob::client {

Result<void> follow_events(const Client& client, std::string target,
                           const std::function<bool(const wire::Event& event)>& taken) {
  wire::EventReader reader;
  return client.follow({Verb::get, std::move(target), "", "text/event-stream"},
                       3 * wire::k_heartbeat_interval, [&](std::string_view part) -> Result<bool> {
                         if (auto read = reader.take(part); !read) return read.error();
                         while (const auto event = reader.next())
                           if (!taken(*event)) return false;
                         return true;
                       });
}

}  // namespace fob::client
