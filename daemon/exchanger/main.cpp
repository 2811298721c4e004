// fob-exchange: one credential turned into one token. Reads one request line from stdin, writes one answer
// line to stdout and ends; whatever goes wrong with the exchange is said in that line (design.md §1). Exits 0
// when a line was written, 2 on a wrong command line, 1 otherwise.
#include "daemon/config/locations.hpp"
#include "daemon/exchanger/confinement.hpp"
#include "daemon/exchanger/exchange.hpp"
#include "daemon/exchanger/http_exchange.hpp"
#include "daemon/exchanger/request_line.hpp"
#include "daemon/exchanger/secret_memory.hpp"
#include "ipc/base/confine.hpp"
#include "ipc/wire/limits.hpp"

#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <exception>
#include <unistd.h>

namespace {

// The broker writes its line before it reads ours, so it is there at once or never.
constexpr std::chrono::seconds k_request_patience{5};
constexpr std::chrono::sys_seconds k_build_epoch{std::chrono::seconds{FOB_BUILD_EPOCH}};

fob::wire::ExchangeAnswer answer_for(const fob::config::Locations& locations) {
  const auto line =
      fob::exchanger::read_line(STDIN_FILENO, fob::wire::k_max_exchange_request, k_request_patience);
  if (!line)
    return fob::wire::ExchangeFailure{
        fob::ErrorCode::config, 0, "fob-exchange got no request: " + line.error().detail, {}};
  const fob::exchanger::HttpLibrary http;
  const fob::SystemClock clock;
  // By now all is read that is needed but for what TLS and the resolver read.
  const auto post = [&](const fob::exchanger::HttpRequest& request) -> fob::exchanger::HttpOutcome {
    if (const auto confined = fob::exchanger::confine_to(request, locations); !confined)
      std::fprintf(stderr, "fob-exchange: %s\n", confined.error().detail.c_str());
    return http.post(request);
  };
  return fob::exchanger::exchange(*line, {locations, clock, post, k_build_epoch});
}

int run(int argc, char** argv) {
  fob::forbid_dumps();
  fob::keep_out_of_swap();
  std::signal(SIGPIPE, SIG_IGN);

  CLI::App app(
      "Turns one profile's credential into one access token: a request line on stdin, an answer line on "
      "stdout. Started by fobd or systemd.",
      "fob-exchange");
  fob::config::LocationFlags flags;
  app.add_option("--config", flags.config, "the configuration file")->type_name("FILE");
  app.add_option("--runtime-dir", flags.runtime_dir, "where the sockets are")->type_name("DIR");
  app.add_option("--state-dir", flags.state_dir, "where the credentials are")->type_name("DIR");
  app.set_version_flag("--version", "fob-exchange " FOB_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : fob::traits(fob::ErrorCode::usage).exit_status;
  }
  const auto locations = fob::config::locate(flags, fob::config::process_environment, ::geteuid() == 0);
  return fob::exchanger::write_line(STDOUT_FILENO, fob::wire::encode(answer_for(locations))) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fob-exchange: %s\n", error.what());
    return 1;
  }
}
