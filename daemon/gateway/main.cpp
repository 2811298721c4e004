// fob-gateway: lets unmodified SDKs and web pages on this device work with a dummy credential. On loopback it
// speaks the vendor's API, puts fobd's token in, and passes requests on. To fobd it is an app like any other:
// it holds no secret, and needs a grant.
#include "daemon/config/config.hpp"
#include "daemon/config/locations.hpp"
#include "daemon/gateway/acceptors.hpp"
#include "daemon/gateway/audit.hpp"
#include "daemon/gateway/confinement.hpp"
#include "daemon/gateway/doorkeeper.hpp"
#include "daemon/gateway/gateway.hpp"
#include "ipc/base/clock.hpp"
#include "ipc/base/confine.hpp"
#include "ipc/base/handed_descriptors.hpp"
#include "ipc/base/journal.hpp"
#include "ipc/base/spare_memory.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <curl/curl.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <unistd.h>
#include <utility>

namespace {

using namespace fob;

constexpr std::chrono::seconds k_turning_away{1};

// With fields where there is a journal to take them, else as a line of the log.
void tell(const gateway::AuditRecord& record, const Journal& journal, spdlog::logger& log) {
  const auto line = gateway::audit_line(record);
  const auto priority = record.granted ? Priority::info : Priority::notice;
  if (!journal.send(priority, line, gateway::journal_fields(record))) log.info("{}", line);
}

int failed(const Error& error) {
  std::fprintf(stderr, "fob-gateway: %s\n", error.detail.c_str());
  return traits(error.code).exit_status;
}

Result<void> run(const config::Locations& at, std::vector<HandedDescriptor> handed, std::chrono::seconds idle,
                 spdlog::logger& log) {
  const bool activated = !handed.empty();
  const auto config = config::load(at.config_file);
  if (!config) return config.error();
  if (config->gateways.empty())
    return fail(ErrorCode::config, at.config_file.string() + " configures no listener; add [gateway.NAME]");

  const SystemClock clock;
  const auto journal = Journal::of(config::process_environment("JOURNAL_STREAM"), "fob-gateway");
  gateway::Audit audit(clock, [&](const gateway::AuditRecord& record) { tell(record, journal, log); });
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
  if (!confined->empty()) log.warn("{}", *confined);
  auto gateway = gateway::Gateway::open(io, std::move(*plans), at.app_socket(), std::move(*acceptors), clock,
                                        log, audit);
  if (!gateway) return gateway.error();
  if (activated) (*gateway)->end_when_idle_for(idle);
  give_back_memory();  // libcurl brings libraries that none of our requests runs through
  io.run();
  audit.tell_the_rest();
  // Without farewells: a thread of ours may be waiting for fobd, and nothing here outlives the process.
  log.flush();
  ::_exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  forbid_dumps();
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app("Lets SDKs and web pages on this device use fob's tokens with a dummy credential.",
               "fob-gateway");
  config::LocationFlags flags;
  app.add_option("--config", flags.config, "the configuration file")->type_name("FILE");
  app.add_option("--runtime-dir", flags.runtime_dir, "where fobd's sockets are")->type_name("DIR");
  app.add_option("--state-dir", flags.state_dir, "where the state is")->type_name("DIR");
  unsigned idle_s = 60;
  app.add_option("--idle-after", idle_s,
                 "end after so long without a connection, where systemd started it for one")
      ->type_name("SECONDS")
      ->check(CLI::Range(1U, 86400U));
  app.set_version_flag("--version", "fob-gateway " FOB_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : traits(ErrorCode::usage).exit_status;
  }
  try {
    spdlog::logger log("fob-gateway", std::make_shared<spdlog::sinks::stderr_color_sink_st>());
    log.set_pattern("%^%l%$: %v");
    if (::curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
      throw std::runtime_error("libcurl does not start");
    const auto at = config::locate_daemon(flags, config::process_environment, ::geteuid() == 0);
    auto handed = take_handed_descriptors();
    if (!handed) return failed(handed.error());
    const auto doubles = gateway::doubles_of(*handed);
    const auto done = run(at, std::move(*handed), std::chrono::seconds(idle_s), log);
    const int status = failed(done.error());
    gateway::turn_away(doubles, k_turning_away);
    return status;
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "fob-gateway: %s\n", exception.what());
  }
  return traits(ErrorCode::internal).exit_status;
}
