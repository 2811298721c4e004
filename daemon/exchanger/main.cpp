// fob-exchange: one credential turned into one token. Reads one request line from stdin, writes one answer
// line to stdout and ends; whatever goes wrong with the exchange is said in that line (design.md §1). With a
// listening socket from systemd it does the same for each connection. Exits 0 when a line was written, or
// what was pending is served; 2 on a wrong command line, 1 otherwise.
#include "daemon/config/locations.hpp"
#include "daemon/exchanger/activation.hpp"
#include "daemon/exchanger/command_line.hpp"
#include "daemon/exchanger/confinement.hpp"
#include "daemon/exchanger/exchange.hpp"
#include "daemon/exchanger/http_exchange.hpp"
#include "daemon/exchanger/probe.hpp"
#include "daemon/exchanger/secret_memory.hpp"
#include "ipc/base/confine.hpp"
#include "ipc/base/line.hpp"
#include "ipc/base/stderr_line.hpp"
#include "ipc/base/users.hpp"
#include "ipc/wire/limits.hpp"
#include "ipc/wire/names.hpp"

#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <unistd.h>

// Debian's libcurl brings GnuTLS for protocols that are never spoken here, and OpenSSL for the one that is.
// What GnuTLS would make ready before main() is left undone by whoever defines this (its manual,
// "Initialization").
extern "C" int _gnutls_global_init_skip();  // NOLINT(bugprone-reserved-identifier): GnuTLS's name for it
extern "C" int _gnutls_global_init_skip() { return 1; }

namespace {

// The broker writes its line before it reads ours, so it is there at once or never.
constexpr std::chrono::seconds k_request_patience{5};
constexpr std::chrono::sys_seconds k_build_epoch{std::chrono::seconds{FOB_BUILD_EPOCH}};

bool answer(int in, int out, const fob::exchanger::Surroundings& around) {
  const auto line = fob::read_line(in, fob::wire::k_max_exchange_request, k_request_patience);
  if (line) return fob::write_line(out, fob::wire::encode(fob::exchanger::exchange(*line, around)));
  const fob::wire::ExchangeFailure failure{
      fob::ErrorCode::config, 0, "fob-exchange got no request: " + line.error().detail, {}};
  return fob::write_line(out, fob::wire::encode(failure));
}

void say(fob::Priority priority, const std::string& what) {
  fob::say_on_stderr("fob-exchange", priority, what);
}

int give_up(const std::string& why) {
  say(fob::Priority::error, why);
  return 1;
}

// By now all is read that is needed but for what TLS and the resolver read.
void confine_for(const fob::exchanger::HttpRequest& request, const fob::config::Locations& at) {
  if (const auto confined = fob::exchanger::confine_to(request, at); !confined)
    say(fob::Priority::warning, confined.error().detail);
}

// The libraries are for the life of the process, which ends without farewell.
const fob::exchanger::HttpLibrary& http() {
  static const fob::exchanger::HttpLibrary library;
  return library;
}

int probe(const std::string& profile, const fob::config::Locations& at) {
  const fob::SystemClock clock;
  const auto look = [&](const fob::exchanger::HttpRequest& request) {
    confine_for(request, at);
    return http().look(request);
  };
  const auto found = fob::exchanger::probe(profile, {at, clock, look, k_build_epoch});
  return fob::write_line(STDOUT_FILENO, fob::wire::encode(found)) ? 0 : 1;
}

int serve(const fob::exchanger::Arguments& arguments, const fob::config::Locations& locations) {
  auto handed = fob::take_handed_descriptors();
  if (!handed) return give_up(handed.error().detail);
  const auto listener = fob::exchanger::listener_among(std::move(*handed));
  if (!listener) return give_up(listener.error().detail);
  const auto user = arguments.for_user.empty() ? std::optional<uid_t>() : fob::user_named(arguments.for_user);
  if (!user && !arguments.for_user.empty())
    return give_up("there is no user " + arguments.for_user + ", whom --for-user names");

  http();  // first of all that uses OpenSSL
  const fob::SystemClock clock;
  const auto post = [&](const fob::exchanger::HttpRequest& request) {
    confine_for(request, locations);
    return http().post(request);
  };
  fob::exchanger::Surroundings around{locations, clock, post, k_build_epoch};
  if (!arguments.profile.empty()) around.only_profile = arguments.profile;
  if (!*listener) return answer(STDIN_FILENO, STDOUT_FILENO, around) ? 0 : 1;
  fob::exchanger::serve_pending(listener->get(), user,
                                [&](int connection) { answer(connection, connection, around); });
  return 0;
}

int run(int argc, char** argv) {
  fob::forbid_dumps();
  fob::keep_out_of_swap();
  std::signal(SIGPIPE, SIG_IGN);

  CLI::App app;
  fob::exchanger::Arguments arguments;
  fob::exchanger::add_arguments(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : fob::traits(fob::ErrorCode::usage).exit_status;
  }
  const auto at = fob::config::locate(arguments.at, fob::config::process_environment, ::geteuid() == 0);
  return arguments.probe.empty() ? serve(arguments, at) : probe(arguments.probe, at);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const int status = run(argc, argv);
    std::fflush(nullptr);
    // Whatever held a credential has wiped it by now. What OpenSSL would still take apart is its tables of
    // algorithms, a tenth of an exchange long.
    ::_exit(status);
  } catch (const std::exception& error) {
    return give_up(error.what());
  }
}
