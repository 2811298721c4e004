#include "daemon/cli/daemon_commands.hpp"

#include "daemon/cli/speech.hpp"
#include "daemon/cli/status_screen.hpp"
#include "ipc/client/control_client.hpp"

namespace fob::cli {
namespace {

client::ControlClient fobd(const Context& context) {
  return client::ControlClient(context.daemon_locations().control_socket(), context.clock);
}

}  // namespace

Result<int> show_status(bool as_json, const Context& context) {
  const auto document = fobd(context).status();
  if (!document) return document.error();
  const auto screen =
      as_json ? Result<std::string>(*document + "\n") : status_screen(*document, may_colour());
  if (!screen) return screen.error();
  if (auto printed = print(*screen); !printed) return printed.error();
  return 0;
}

Result<int> refresh(const std::optional<std::string>& profile, const Context& context) {
  const auto chosen = choose_profile(profile, context);
  if (!chosen) return chosen.error();
  if (auto refreshed = fobd(context).refresh(*chosen); !refreshed) return refreshed.error();
  say(*chosen + ": a new token is in force");
  return 0;
}

Result<int> reload(const Context& context) {
  if (auto reloaded = fobd(context).reload(); !reloaded) return reloaded.error();
  say("fobd has read its configuration again; it is in force");
  return 0;
}

}  // namespace fob::cli
