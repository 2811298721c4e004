// GET /v1/events: a text/event-stream (the WHATWG HTML standard's "Server-sent events") of what a profile has
// to give, as events and as bytes. Written by fobd; read by the command line and libfob, which bound what
// they take.
#pragma once

#include "ipc/wire/app_messages.hpp"

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace fob::wire {

/// `token`, `unavailable` or `revoked`, and a JSON object.
struct Event {
  std::string name;
  std::string data;
};

/// A line that is no event: it keeps the connection alive and shows either side that the other is there.
inline constexpr std::string_view k_heartbeat = ":\n\n";

std::string encode(const Event& event);

/// A new token, as GET /v1/token has it.
Event token_event(const TokenAnswer& answer);
/// There is no token now: the problem document GET /v1/token would answer with, and the profile.
Event unavailable_event(const std::string& profile, const Problem& problem);
/// This process may not have the profile any more; the last event of a stream.
Event revoked_event(const std::string& profile);

/// Puts events together from bytes as they come.
class EventReader {
 public:
  /// Fails with ErrorCode::internal on a line longer than an event may be.
  Result<void> take(std::string_view bytes);
  /// The next whole event, in the order they came.
  std::optional<Event> next();

 private:
  void take_line(std::string_view line);

  std::string rest_;
  Event pending_;
  std::deque<Event> whole_;
};

}  // namespace fob::wire
