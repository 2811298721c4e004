// fobd, the broker: serves tokens to apps and answers operators, over two Unix sockets. It holds no secret
// and opens no network socket; fob-exchange does the talking to the authority.
#include "daemon/broker/confinement.hpp"
#include "daemon/broker/daemon.hpp"
#include "daemon/broker/helpers.hpp"
#include "daemon/broker/kept_profiles.hpp"
#include "daemon/broker/listeners.hpp"
#include "daemon/broker/service_manager.hpp"
#include "daemon/config/locations.hpp"
#include "daemon/config/store_choice.hpp"
#include "ipc/base/confine.hpp"
#include "ipc/base/file.hpp"
#include "ipc/base/handed_descriptors.hpp"

#include <CLI/CLI.hpp>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <cstdio>
#include <grp.h>
#include <optional>
#include <signal.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using namespace fob;

constexpr std::size_t k_max_boot_id = 64;

std::optional<gid_t> admin_group() {
  const group* entry = ::getgrnam("fob-admin");  // NOLINT(concurrency-mt-unsafe): one thread
  if (entry == nullptr) return std::nullopt;
  return entry->gr_gid;
}

// Descriptors of systemd's, by what they are for.
struct Handed {
  std::vector<HandedDescriptor> sockets, kept;
};

Result<Handed> take_handed() {
  auto all = take_handed_descriptors();
  if (!all) return all.error();
  Handed handed;
  for (auto& one : *all) {
    auto& list = one.name.starts_with(broker::k_kept_prefix) ? handed.kept : handed.sockets;
    list.push_back(std::move(one));
  }
  return handed;
}

Result<void> run(const config::Locations& at, bool units, spdlog::logger& log) {
  auto handed = take_handed();
  if (!handed) return handed.error();
  auto manager = broker::ServiceManager::of(config::process_environment, ::getpid());
  if (!manager) return manager.error();
  auto config = config::load(at.config_file);
  if (!config) return config.error();
  if (config->profiles.empty())
    log.warn("{} configures no profile; add one, for example [profile.prod-query]", at.config_file.string());
  const auto choice = config::choose_store(*config, config::look_for_stores(at, config::process_environment));
  log.info("first credentials go to the store \"{}\", since {}", to_string(choice.kind), choice.why);
  const auto boot_id = read_file("/proc/sys/kernel/random/boot_id", k_max_boot_id, ErrorCode::internal);
  if (!boot_id) return boot_id.error();

  const auto admins = admin_group();
  auto listeners = broker::listen_for_both(at, admins, std::move(handed->sockets));
  if (!listeners) return listeners.error();
  const auto start = broker::make_starter(at, units);
  if (!start) return start.error();
  const auto confined = broker::confine_broker(at);
  if (!confined) return confined.error();
  if (!confined->empty()) log.warn("{}", *confined);

  const SystemClock clock;
  broker::KeptProfiles kept(*manager, clock, *boot_id, log);
  kept.take_back(std::move(handed->kept));
  broker::Daemon daemon(at, std::move(*config), *manager, kept, *start, clock, log);
  kept.forget_the_rest();
  const UniqueFd lock = std::move(listeners->lock);
  daemon.serve(at, std::move(*listeners), admins);
  if (lock) broker::remove_sockets(at);
  log.info("fobd ends");
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "fobd keeps valid access tokens at hand and serves them to local apps over a Unix socket.\n"
      "It runs in the foreground. See also: fob --help",
      "fobd"};
  config::LocationFlags flags;
  app.add_option("--config", flags.config,
                 "configuration file (root: /etc/fob/fob.toml; a user: ~/.config/fob/fob.toml)");
  app.add_option("--runtime-dir", flags.runtime_dir,
                 "where the sockets are (root: /run/fob; a user: $XDG_RUNTIME_DIR/fob)");
  app.add_option("--state-dir", flags.state_dir,
                 "where the file store is (root: /var/lib/fob; a user: ~/.local/state/fob)");
  bool units = false;
  app.add_flag("--units", units,
               "ask the units fob-exchange@, fob-promote and fob-witness over their sockets in the runtime "
               "directory, instead of starting the programs");
  app.set_version_flag("--version", "fobd " FOB_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : traits(ErrorCode::usage).exit_status;
  }

  try {
    forbid_dumps();
    ::signal(SIGPIPE, SIG_IGN);
    const auto log = spdlog::stderr_color_st("fobd");
    log->set_pattern("%^%l%$: %v");
    const auto outcome =
        run(config::locate(flags, config::process_environment, ::geteuid() == 0), units, *log);
    if (outcome) return 0;
    log->error("{}", outcome.error().detail);
    return traits(outcome.error().code).exit_status;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fobd: %s\n", error.what());
    return traits(ErrorCode::internal).exit_status;
  }
}
