#include "daemon/cli/daemon_commands.hpp"

#include "daemon/cli/speech.hpp"
#include "daemon/cli/status_screen.hpp"
#include "ipc/client/control_client.hpp"

#include <chrono>
#include <thread>
#include <unistd.h>

namespace fob::cli {
namespace {

client::ControlClient fobd(const Context& context) {
  return client::ControlClient(context.daemon_locations().control_socket(), context.clock);
}

Result<void> have_refreshed(const std::string& profile, const Context& context) {
  const Waiting waiting(profile + ": waits for fobd to get a token");
  return fobd(context).refresh(profile);
}

}  // namespace

Result<int> show_status(bool as_json, const Context& context) {
  const auto document = fobd(context).status();
  if (!document) return document.error();
  const auto screen = as_json ? Result<std::string>(*document + "\n")
                              : status_screen(*document, context.clock.wall_now(), may_colour());
  if (!screen) return screen.error();
  if (auto printed = print(*screen); !printed) return printed.error();
  return 0;
}

Result<int> watch_status(const Context& context) {
  constexpr std::chrono::seconds k_between{1};
  // The cursor to the corner, and what is below it gone (ECMA-48): no flicker, and nothing left of before.
  constexpr const char* k_home = "\033[H\033[J";
  if (::isatty(STDOUT_FILENO) != 1)
    return fail(ErrorCode::usage,
                "--watch is for a terminal; elsewhere take fob watch, or fob status --json");
  const auto fobd_here = fobd(context);
  while (true) {
    const auto document = fobd_here.status();
    // Where this user may not look, that stays so.
    if (!document && document.error().code == ErrorCode::not_granted) return document.error();
    const auto screen = document ? status_screen(*document, context.clock.wall_now(), may_colour())
                                 : Result<std::string>(document.error().detail + "\n");
    if (!screen) return screen.error();
    if (auto printed = print(k_home + *screen); !printed) return printed.error();
    std::this_thread::sleep_for(k_between);
  }
}

Result<int> refresh(const std::optional<std::string>& profile, const Context& context) {
  const auto chosen = choose_profile(profile, context);
  if (!chosen) return chosen.error();
  if (auto refreshed = have_refreshed(*chosen, context); !refreshed) return refreshed.error();
  say(*chosen + ": a new token is in force");
  return 0;
}

Result<int> reload(const Context& context) {
  if (auto reloaded = fobd(context).reload(); !reloaded) return reloaded.error();
  say("fobd has read its configuration again; it is in force");
  return 0;
}

}  // namespace fob::cli
