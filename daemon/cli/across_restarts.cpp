#include "daemon/cli/across_restarts.hpp"

#include "daemon/cli/speech.hpp"

#include <chrono>
#include <thread>
#include <utility>

namespace fob::cli {
namespace {

// fobd is back within moments after an upgrade.
constexpr std::chrono::seconds k_between_tries{1};

// What a restart of fobd looks like from here.
bool may_pass(ErrorCode code) {
  return code == ErrorCode::daemon_not_running || code == ErrorCode::timeout ||
         code == ErrorCode::too_many_requests;
}

}  // namespace

Result<void> follow_across_restarts(const std::function<Result<void>(const TakeEvent& taken)>& follow,
                                    const TakeEvent& take) {
  bool ever = false;
  bool said = false;
  while (true) {
    const auto followed = follow([&](const wire::Event& event) {
      ever = true;
      said = false;
      return take(event);
    });
    if (followed || !ever || !may_pass(followed.error().code)) return followed;
    if (!std::exchange(said, true)) say(followed.error().detail + "; waiting for fobd to come back");
    std::this_thread::sleep_for(k_between_tries);
  }
}

}  // namespace fob::cli
