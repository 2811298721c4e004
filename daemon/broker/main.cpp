// fobd, the broker: serves tokens to apps and answers operators, over two Unix sockets. It holds no secret
// and opens no network socket; fob-exchange does the talking to the authority.
#include "daemon/broker/app_interface.hpp"
#include "daemon/broker/audit_text.hpp"
#include "daemon/broker/broker.hpp"
#include "daemon/broker/confinement.hpp"
#include "daemon/broker/exchange_process.hpp"
#include "daemon/broker/exchange_socket.hpp"
#include "daemon/broker/http_server.hpp"
#include "daemon/broker/journal.hpp"
#include "daemon/broker/kept_profiles.hpp"
#include "daemon/broker/launcher.hpp"
#include "daemon/broker/listeners.hpp"
#include "daemon/broker/operator_interface.hpp"
#include "daemon/broker/promotion_socket.hpp"
#include "daemon/broker/service_manager.hpp"
#include "daemon/broker/supervision.hpp"
#include "daemon/broker/surroundings_watch.hpp"
#include "daemon/config/locations.hpp"
#include "daemon/config/store_choice.hpp"
#include "ipc/base/confine.hpp"
#include "ipc/base/file.hpp"
#include "ipc/base/handed_descriptors.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <cstdio>
#include <functional>
#include <grp.h>
#include <optional>
#include <signal.h>
#include <unistd.h>

namespace {

using namespace fob;
namespace asio = boost::asio;

// Descriptors that are not connections: sockets, timers, exchangers, log.
constexpr unsigned long k_reserved_descriptors = 128;
// How long the requests and exchanges under way have when fobd ends: an exchange takes a few hundred
// milliseconds, and whoever restarts fobd is waiting.
constexpr std::chrono::seconds k_time_to_end{3};
constexpr std::chrono::milliseconds k_look_again{10};
const wire::Problem k_ending{ErrorCode::timeout, "fobd is being restarted; ask again",
                             std::chrono::seconds(1)};
constexpr std::size_t k_max_boot_id = 64;
// Half of them for one user: enough for a thousand connections, and a bound on what a hostile one can hold.
constexpr unsigned long k_most_connections = 2400;

std::optional<gid_t> admin_group() {
  const group* entry = ::getgrnam("fob-admin");  // NOLINT(concurrency-mt-unsafe): one thread
  if (entry == nullptr) return std::nullopt;
  return entry->gr_gid;
}

broker::ServerLimits limits_for(unsigned long descriptors) {
  const unsigned long spare = descriptors > 2 * k_reserved_descriptors ? descriptors - k_reserved_descriptors
                                                                       : k_reserved_descriptors;
  // Each holds its socket and the process that connected.
  const unsigned long connections = std::min(spare / 2, k_most_connections);
  return {.connections = connections, .connections_per_uid = connections / 2};
}

broker::ExchangeProgram exchange_program(const config::Locations& at) {
  broker::ExchangeProgram program;
  program.program = config::sibling_program("fob-exchange");
  program.arguments = {"--config",    at.config_file.string(), "--runtime-dir", at.runtime_dir.string(),
                       "--state-dir", at.state_dir.string()};
  return program;
}

broker::PromotionProgram promotion_program(const config::Locations& at) {
  broker::PromotionProgram program;
  program.program = config::sibling_program("fob");
  program.arguments = {"--config", at.config_file.string(), "--state-dir", at.state_dir.string()};
  return program;
}

broker::WitnessProgram witness_program() {
  broker::WitnessProgram program;
  program.words = {config::sibling_program("fob-witness").string()};
  return program;
}

// What the launcher may run, and nothing else: the witness and the exchanger as they are, and a promotion of
// some profile.
std::vector<broker::LaunchForm> launch_forms(const config::Locations& at) {
  const auto exchange = exchange_program(at);
  const auto promotion = promotion_program(at);
  std::vector<broker::LaunchForm> forms = {broker::exactly(witness_program().words)};
  for (const auto& [program, arguments] :
       {std::pair(exchange.program, exchange.arguments), std::pair(promotion.program, promotion.arguments)}) {
    std::vector<std::string> words = {program.string()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    forms.push_back(broker::exactly(words));
  }
  using Kind = broker::LaunchWord::Kind;
  auto& form = forms.back();
  for (const auto* word : {"credential", "promote"}) form.push_back({Kind::exact, word});
  form.push_back({Kind::profile_name, ""});
  form.push_back({Kind::exact, "--version"});
  form.push_back({Kind::number, ""});
  form.push_back({Kind::exact, "--if-untested"});
  return forms;
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

// How programs are started; nothing: units do what programs would.
using Starter = std::optional<broker::Spawn>;

Result<Starter> starter(const config::Locations& at, bool units) {
  if (units) return Starter();
  const auto launcher = broker::Launcher::start(launch_forms(at));
  if (!launcher) return launcher.error();
  return Starter([launcher = *launcher](const auto& words, int input, int output) {
    return launcher->spawn(words, input, output);
  });
}

broker::Exchange exchange_by(const asio::any_io_executor& executor, const config::Locations& at,
                             const Starter& start) {
  if (!start) return broker::exchange_by_socket(executor, at.exchange_sockets());
  auto program = exchange_program(at);
  program.spawn = *start;
  return broker::exchange_by_process(executor, std::move(program));
}

broker::Promote promote_by(const asio::any_io_executor& executor, const config::Locations& at,
                           const Starter& start) {
  if (!start) return broker::promote_by_socket(executor, at.promotion_socket());
  auto program = promotion_program(at);
  program.spawn = *start;
  return broker::promote_by_process(executor, std::move(program));
}

// Where /proc/PID/exe is looked at for the broker: by a unit's process with the right to do so, or by one of
// ours.
broker::FactSources fact_sources(const asio::any_io_executor& executor, const config::Locations& at,
                                 const Starter& start) {
  if (!start) return {broker::witness_at(executor, at.witness_socket()), broker::label_source()};
  broker::WitnessProgram program = witness_program();
  program.spawn = *start;
  return {broker::witness_by_process(executor, std::move(program)), broker::label_source()};
}

// What is served, from the first listening socket to the last answer.
class Daemon {
 public:
  Daemon(const config::Locations& at, config::Config config, const broker::ServiceManager& manager,
         broker::KeptProfiles& kept, const Starter& start, const SystemClock& clock, spdlog::logger& log)
      : log_(log),
        clock_(clock),
        kept_(kept),
        manager_(manager),
        signals_(io_, SIGTERM, SIGINT, SIGHUP),
        end_(io_),
        broker_(std::move(config), at.config_file, ::geteuid(), surroundings(at, start)),
        supervision_(io_, manager_, broker_, log) {
    watch_.emplace(io_.get_executor(), clock_, broker_, log);
  }

  void serve(const config::Locations& at, broker::Listeners listeners, std::optional<gid_t> admins) {
    const auto limits = limits_for(raise_descriptor_limit());
    broker::HttpServer apps(io_, std::move(listeners.apps), limits,
                            awake(broker::app_interface(broker_, clock_)), log_);
    broker::HttpServer operators(io_, std::move(listeners.operators), limits,
                                 awake(broker::operator_interface(broker_, clock_, {::geteuid(), admins})),
                                 log_);
    servers_ = {&apps, &operators};
    watch_signals();
    log_.info("fobd {} serves {} profiles on {}", FOB_VERSION, broker_.config().profiles.size(),
              at.app_socket().string());
    supervision_.begin();
    io_.run();
  }

 private:
  broker::Surroundings surroundings(const config::Locations& at, const Starter& start) {
    const auto executor = io_.get_executor();
    broker::Surroundings around{executor, clock_, random_, log_, exchange_by(executor, at, start)};
    around.promote = promote_by(executor, at, start);
    around.facts = fact_sources(executor, at, start);
    around.audit = [this](const core::AuditRecord& record) { write(record); };
    around.stirred = [this] {
      if (!watch_) return;  // both are made after the broker, which stirs while it is being made
      watch_->adjust();
      supervision_.stirred();
    };
    around.recall = [this](const auto& profile, const auto& purpose) {
      return kept_.recall(profile, purpose);
    };
    around.keep = [this](const auto& profile, const auto& purpose, const auto& state) {
      kept_.keep(profile, purpose, state);
    };
    return around;
  }

  // With fields where there is a journal to take them, else as a line of the log.
  void write(const core::AuditRecord& record) {
    const std::string line = broker::audit_line(record);
    const auto priority = record.granted ? broker::Priority::info : broker::Priority::notice;
    if (!journal_.send(priority, line, broker::journal_fields(record))) log_.info("{}", line);
  }

  // Whoever asks first after the device slept finds that noticed.
  broker::Handler awake(broker::Handler handler) {
    return [this, handler = std::move(handler)](broker::Request request) {
      watch_->look_at_clock();
      return handler(std::move(request));
    };
  }

  void watch_signals() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      if (signal == SIGHUP) {
        reload();
      } else if (ending_since_) {
        return io_.stop();
      } else {
        begin_to_end();
      }
      watch_signals();
    });
  }

  void reload() {
    supervision_.reloading(clock_.awake_time());
    (void)broker_.reload();  // it has logged its outcome, and a signal has nobody to answer to
    supervision_.reloaded();
  }

  // What was asked is answered, and who connects from now on waits for the next fobd.
  void begin_to_end() {
    ending_since_ = clock_.boot_now();
    supervision_.end();
    for (auto* server : servers_) server->drain();
    end_when_done();
  }

  void end_when_done() {
    const bool late = clock_.boot_now() - *ending_since_ > k_time_to_end;
    if (late) broker_.retire(k_ending);
    std::size_t open = 0;
    for (const auto* server : servers_) open += server->connections();
    const bool exchanging = manager_.present() && broker_.exchanging();
    if (!late && (open > 0 || exchanging)) {
      end_.expires_after(k_look_again);
      end_.async_wait([this](const boost::system::error_code& error) {
        if (!error) end_when_done();
      });
      return;
    }
    kept_.forget_waits();
    // A moment for the answers to those that were retired.
    end_.expires_after(k_look_again);
    end_.async_wait([this](const boost::system::error_code&) { io_.stop(); });
  }

  spdlog::logger& log_;
  const SystemClock& clock_;
  broker::KeptProfiles& kept_;
  const broker::ServiceManager& manager_;
  const broker::Journal journal_ = broker::Journal::of(config::process_environment);
  SystemRandom random_;
  boost::asio::io_context io_{1};
  boost::asio::signal_set signals_;
  boost::asio::steady_timer end_;
  std::optional<BootTime> ending_since_;
  std::vector<broker::HttpServer*> servers_;
  std::optional<broker::SurroundingsWatch> watch_;
  broker::Broker broker_;
  broker::Supervision supervision_;
};

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
  const auto start = starter(at, units);
  if (!start) return start.error();
  const auto confined = broker::confine_broker(at);
  if (!confined) return confined.error();
  if (!confined->empty()) log.warn("{}", *confined);

  const SystemClock clock;
  broker::KeptProfiles kept(*manager, clock, *boot_id, log);
  kept.take_back(std::move(handed->kept));
  Daemon daemon(at, std::move(*config), *manager, kept, *start, clock, log);
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
