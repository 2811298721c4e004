// What goes on for as long as fobd does, and again with the next one: fob watch, fob audit --follow.
#pragma once

#include "ipc/base/result.hpp"
#include "ipc/wire/event_stream.hpp"

#include <functional>

namespace fob::cli {

using TakeEvent = std::function<bool(const wire::Event& event)>;

/// Calls `follow` with something that takes events until that says false; where fobd ends after it has told
/// something, says so and follows the next one. Fails as `follow` does where nothing was ever told, or where
/// no restart explains the end.
Result<void> follow_across_restarts(const std::function<Result<void>(const TakeEvent& taken)>& follow,
                                    const TakeEvent& take);

}  // namespace fob::cli
