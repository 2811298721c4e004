// fobd, the broker: serves tokens to apps and answers operators, over two Unix sockets. It holds no secret
// and opens no network socket; fob-exchange does the talking to the authority.
#include "daemon/broker/command_line.hpp"
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
#include "ipc/base/log.hpp"

#include <CLI/CLI.hpp>

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

Result<void> run(const config::Locations& at, bool units, const SystemClock& clock, Log& log) {
  auto handed = take_handed();
  if (!handed) return handed.error();
  auto manager = broker::ServiceManager::of(config::process_environment, ::getpid());
  if (!manager) return manager.error();
  auto config = config::load(at.config_file);
  if (!config) return config.error();
  if (config->profiles.empty())
    log.say(Event::no_profile,
            at.config_file.string() + " configures no profile; add one, for example [profile.prod-query]");
  const auto choice = config::choose_store(*config, config::look_for_stores(at, config::process_environment));
  log.say(Event::store_chosen, "first credentials go to the store \"" + std::string(to_string(choice.kind)) +
                                   "\", since " + choice.why);
  const auto boot_id = read_file("/proc/sys/kernel/random/boot_id", k_max_boot_id, ErrorCode::internal);
  if (!boot_id) return boot_id.error();

  const auto admins = admin_group();
  auto listeners = broker::listen_for_both(at, admins, std::move(handed->sockets));
  if (!listeners) return listeners.error();
  const auto start = broker::make_starter(at, units);
  if (!start) return start.error();
  const auto confined = broker::confine_broker(at);
  if (!confined) return confined.error();
  if (!confined->empty()) log.say(Event::unconfined, *confined);

  broker::KeptProfiles kept(*manager, clock, *boot_id, log);
  kept.take_back(std::move(handed->kept));
  broker::Daemon daemon(at, std::move(*config), *manager, kept, *start, clock, log);
  kept.forget_the_rest();
  const UniqueFd lock = std::move(listeners->lock);
  daemon.serve(at, std::move(*listeners), admins);
  if (lock) broker::remove_sockets(at);
  log.say(Event::ended, "fobd ends");
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app;
  broker::Arguments arguments;
  broker::add_arguments(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : traits(ErrorCode::usage).exit_status;
  }

  forbid_dumps();
  ::signal(SIGPIPE, SIG_IGN);
  const auto journal = Journal::of(config::process_environment("JOURNAL_STREAM"), "fobd");
  const SystemClock clock;
  Log log(clock, [&journal](Priority priority, const std::string& message, const Journal::Fields& fields) {
    journal.write(priority, message, fields);
  });
  const auto give_up = [&log](ErrorCode code, const std::string& why) {
    log.say(Event::gave_up, why, {.failure = code});
    return traits(code).exit_status;
  };
  try {
    const auto at = config::locate(arguments.at, config::process_environment, ::geteuid() == 0);
    const auto outcome = run(at, arguments.units, clock, log);
    return outcome ? 0 : give_up(outcome.error().code, outcome.error().detail);
  } catch (const std::exception& error) {
    return give_up(ErrorCode::internal, error.what());
  }
}
