// fob-gateway: lets unmodified SDKs and web pages on this device work with a dummy credential. On loopback it
// speaks the vendor's API, puts fobd's token in, and passes requests on. To fobd it is an app like any other:
// it holds no secret, and needs a grant.
#include "daemon/config/config.hpp"
#include "daemon/config/locations.hpp"
#include "daemon/gateway/acceptors.hpp"
#include "daemon/gateway/audit.hpp"
#include "daemon/gateway/command_line.hpp"
#include "daemon/gateway/confinement.hpp"
#include "daemon/gateway/doorkeeper.hpp"
#include "daemon/gateway/gateway.hpp"
#include "ipc/base/clock.hpp"
#include "ipc/base/confine.hpp"
#include "ipc/base/handed_descriptors.hpp"
#include "ipc/base/log.hpp"
#include "ipc/base/spare_memory.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <curl/curl.h>

#include <csignal>
#include <exception>
#include <unistd.h>
#include <utility>

namespace {

using namespace fob;

constexpr std::chrono::seconds k_turning_away{1};

int give_up(Log& log, const Error& error) {
  log.say(Event::gave_up, error.detail, {.failure = error.code});
  return traits(error.code).exit_status;
}

Result<void> run(const config::Locations& at, std::vector<HandedDescriptor> handed, std::chrono::seconds idle,
                 const SystemClock& clock, Log& log) {
  const bool activated = !handed.empty();
  const auto config = config::load(at.config_file);
  if (!config) return config.error();
  if (config->gateways.empty())
    return fail(ErrorCode::config, at.config_file.string() + " configures no listener; add [gateway.NAME]");

  gateway::Audit audit(clock, [&log](const gateway::AuditRecord& record) {
    log.record(record.granted ? Event::granted : Event::refused, gateway::audit_line(record),
               gateway::journal_fields(record));
  });
  boost::asio::io_context io(1);
  boost::asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&](const auto& error, int) {
    if (!error) io.stop();
  });
  auto acceptors = gateway::open_acceptors(io, *config, std::move(handed));
  if (!acceptors) return acceptors.error();
  auto plans = gateway::plan_listeners(*config);
  if (!plans) return plans.error();
  const auto confined = gateway::confine_gateway(*config);
  if (!confined) return confined.error();
  if (!confined->empty()) log.say(Event::unconfined, *confined);
  auto gateway = gateway::Gateway::open(io, std::move(*plans), at.app_socket(), std::move(*acceptors), clock,
                                        log, audit);
  if (!gateway) return gateway.error();
  if (activated) (*gateway)->end_when_idle_for(idle);
  give_back_memory();  // libcurl brings libraries that none of our requests runs through
  io.run();
  audit.tell_the_rest();
  log.tell_the_rest();
  // Without farewells: a thread of ours may be waiting for fobd, and nothing here outlives the process.
  ::_exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  forbid_dumps();
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app;
  gateway::Arguments arguments;
  gateway::add_arguments(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : traits(ErrorCode::usage).exit_status;
  }
  const auto journal = Journal::of(config::process_environment("JOURNAL_STREAM"), "fob-gateway");
  const SystemClock clock;
  Log log(clock, [&journal](Priority priority, const std::string& message, const Journal::Fields& fields) {
    journal.write(priority, message, fields);
  });
  try {
    if (::curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
      throw std::runtime_error("libcurl does not start");
    const auto at = config::locate_daemon(arguments.at, config::process_environment, ::geteuid() == 0);
    auto handed = take_handed_descriptors();
    if (!handed) return give_up(log, handed.error());
    const auto doubles = gateway::doubles_of(*handed);
    const auto done = run(at, std::move(*handed), std::chrono::seconds(arguments.idle_after_s), clock, log);
    const int status = give_up(log, done.error());
    gateway::turn_away(doubles, k_turning_away);
    return status;
  } catch (const std::exception& exception) {
    return give_up(log, {ErrorCode::internal, exception.what()});
  }
}
