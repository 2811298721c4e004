// fobd, the broker: serves tokens to apps and answers operators, over two Unix sockets. It holds no secret
// and opens no network socket; fob-exchange does the talking to the authority.
#include "daemon/broker/app_interface.hpp"
#include "daemon/broker/broker.hpp"
#include "daemon/broker/exchange_process.hpp"
#include "daemon/broker/http_server.hpp"
#include "daemon/broker/operator_interface.hpp"
#include "daemon/broker/surroundings_watch.hpp"
#include "daemon/config/locations.hpp"
#include "daemon/config/store_choice.hpp"
#include "ipc/base/confine.hpp"
#include "ipc/base/file.hpp"
#include "ipc/transport/unix_listener.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <cstdio>
#include <functional>
#include <grp.h>
#include <optional>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace fob;

// Descriptors that are not connections: sockets, timers, exchangers, log.
constexpr unsigned long k_reserved_descriptors = 128;
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

// Root or the admin group's members reach control.sock by its mode already; who they are is checked again per
// call.
transport::ListenerMode control_mode(std::optional<gid_t> group) {
  const bool can_give = group && (::geteuid() == 0 || ::getegid() == *group);
  return can_give ? transport::ListenerMode{0660, group} : transport::ListenerMode{0600, std::nullopt};
}

broker::ExchangeProgram exchange_program(const config::Locations& at) {
  return {config::sibling_program("fob-exchange"),
          {"--config", at.config_file.string(), "--runtime-dir", at.runtime_dir.string(), "--state-dir",
           at.state_dir.string()}};
}

broker::PromotionProgram promotion_program(const config::Locations& at) {
  return {config::sibling_program("fob"),
          {"--config", at.config_file.string(), "--state-dir", at.state_dir.string()}};
}

// Where /proc/PID/exe is looked at for the broker: by a unit's process with the right to do so, or by one of ours.
broker::FactSources fact_sources(const config::Locations& at, bool units, boost::asio::any_io_executor executor) {
  return {units ? broker::witness_at(executor, at.witness_socket())
                : broker::witness_by_process(executor, {{config::sibling_program("fob-witness").string()}}),
          broker::label_source()};
}

// What is served, from the first listening socket to the last answer.
class Daemon {
 public:
  Daemon(const config::Locations& at, config::Config config, bool units, spdlog::logger& log)
      : log_(log),
        signals_(io_, SIGTERM, SIGINT, SIGHUP),
        broker_(std::move(config), at.config_file, ::geteuid(),
                {io_.get_executor(), clock_, random_, log,
                 broker::exchange_by_process(io_.get_executor(), exchange_program(at)),
                 [this] {
                   if (watch_) watch_->adjust();
                 },
                 broker::promote_by_process(io_.get_executor(), promotion_program(at)),
                 fact_sources(at, units, io_.get_executor())}) {
    watch_.emplace(io_.get_executor(), clock_, broker_, log);
  }

  Result<void> serve(const config::Locations& at) {
    auto lock = transport::lock_runtime_directory(at.runtime_dir);
    if (!lock) return lock.error();
    const auto admins = admin_group();
    auto apps = transport::listen_at(at.app_socket(), {0666, std::nullopt});
    if (!apps) return apps.error();
    auto operators = transport::listen_at(at.control_socket(), control_mode(admins));
    if (!operators) return operators.error();

    const auto limits = limits_for(raise_descriptor_limit());
    const broker::HttpServer app_server(io_, std::move(*apps), limits,
                                        awake(broker::app_interface(broker_, clock_)), log_);
    const broker::HttpServer operator_server(
        io_, std::move(*operators), limits,
        awake(broker::operator_interface(broker_, clock_, {::geteuid(), admins}, log_)), log_);
    watch_signals();
    log_.info("fobd {} serves {} profiles on {}", FOB_VERSION, broker_.config().profiles.size(),
              at.app_socket().string());
    io_.run();
    ::unlink(at.app_socket().c_str());
    ::unlink(at.control_socket().c_str());
    log_.info("fobd ends");
    return {};
  }

 private:
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
      if (signal != SIGHUP) return io_.stop();
      (void)broker_.reload();  // it has logged its outcome, and a signal has nobody to answer to
      watch_signals();
    });
  }

  spdlog::logger& log_;
  SystemClock clock_;
  SystemRandom random_;
  boost::asio::io_context io_{1};
  boost::asio::signal_set signals_;
  std::optional<broker::SurroundingsWatch>
      watch_;  ///< made after the broker, which asks for it while being made
  broker::Broker broker_;
};

Result<void> run(const config::Locations& at, bool units, spdlog::logger& log) {
  auto config = config::load(at.config_file);
  if (!config) return config.error();
  if (config->profiles.empty())
    log.warn("{} configures no profile; add one, for example [profile.prod-query]", at.config_file.string());
  const auto choice = config::choose_store(*config, config::look_for_stores(at, config::process_environment));
  log.info("first credentials go to the store \"{}\", since {}", to_string(choice.kind), choice.why);
  // Any user's app may connect (a grant decides), so it must be able to reach the socket.
  if (auto made = make_directory(at.runtime_dir, 0755, ErrorCode::config); !made) return made.error();
  Daemon daemon(at, std::move(*config), units, log);
  return daemon.serve(at);
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
               "ask the units fob-exchange@, fob-promote and fob-witness over their sockets in the runtime directory, "
               "instead of starting the programs");
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
    const auto outcome = run(config::locate(flags, config::process_environment, ::geteuid() == 0), units, *log);
    if (outcome) return 0;
    log->error("{}", outcome.error().detail);
    return traits(outcome.error().code).exit_status;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fobd: %s\n", error.what());
    return traits(ErrorCode::internal).exit_status;
  }
}
