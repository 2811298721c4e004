// fob-exchange: one credential turned into one token. Reads one request line from stdin, writes one answer
// line to stdout and ends; whatever goes wrong with the exchange is said in that line (design.md §1). With a
// listening socket from systemd it does the same for each connection. Exits 0 when a line was written, or
// what was pending is served; 2 on a wrong command line, 1 otherwise.
#include "daemon/config/locations.hpp"
#include "daemon/exchanger/activation.hpp"
#include "daemon/exchanger/confinement.hpp"
#include "daemon/exchanger/exchange.hpp"
#include "daemon/exchanger/http_exchange.hpp"
#include "daemon/exchanger/secret_memory.hpp"
#include "ipc/base/confine.hpp"
#include "ipc/base/line.hpp"
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

struct Options {
  fob::config::LocationFlags flags;
  std::string profile;
  std::string for_user;
};

bool answer(int in, int out, const fob::exchanger::Surroundings& around) {
  const auto line = fob::read_line(in, fob::wire::k_max_exchange_request, k_request_patience);
  if (line) return fob::write_line(out, fob::wire::encode(fob::exchanger::exchange(*line, around)));
  const fob::wire::ExchangeFailure failure{
      fob::ErrorCode::config, 0, "fob-exchange got no request: " + line.error().detail, {}};
  return fob::write_line(out, fob::wire::encode(failure));
}

std::string is_profile_name(const std::string& text) {
  return fob::wire::is_profile_name(text) ? "" : "this is no profile's name";
}

int say(const fob::Error& error) {
  std::fprintf(stderr, "fob-exchange: %s\n", error.detail.c_str());
  return 1;
}

int serve(const Options& options) {
  auto handed = fob::take_handed_descriptors();
  if (!handed) return say(handed.error());
  const auto listener = fob::exchanger::listener_among(std::move(*handed));
  if (!listener) return say(listener.error());
  std::optional<uid_t> user;
  if (!options.for_user.empty()) {
    const auto found = fob::exchanger::user_called(options.for_user);
    if (!found) return say(found.error());
    user = *found;
  }

  const auto locations =
      fob::config::locate(options.flags, fob::config::process_environment, ::geteuid() == 0);
  static const fob::exchanger::HttpLibrary http;  // for the life of the process, which ends without farewell
  const fob::SystemClock clock;
  // By now all is read that is needed but for what TLS and the resolver read.
  const auto post = [&](const fob::exchanger::HttpRequest& request) -> fob::exchanger::HttpOutcome {
    if (const auto confined = fob::exchanger::confine_to(request, locations); !confined)
      std::fprintf(stderr, "fob-exchange: %s\n", confined.error().detail.c_str());
    return http.post(request);
  };
  fob::exchanger::Surroundings around{locations, clock, post, k_build_epoch};
  if (!options.profile.empty()) around.only_profile = options.profile;
  if (!*listener) return answer(STDIN_FILENO, STDOUT_FILENO, around) ? 0 : 1;
  fob::exchanger::serve_pending(listener->get(), user,
                                [&](int connection) { answer(connection, connection, around); });
  return 0;
}

int run(int argc, char** argv) {
  fob::forbid_dumps();
  fob::keep_out_of_swap();
  std::signal(SIGPIPE, SIG_IGN);

  CLI::App app(
      "Turns one profile's credential into one access token: a request line on stdin, an answer line on "
      "stdout, or both on each connection of a socket from systemd. Started by fobd or systemd.",
      "fob-exchange");
  Options options;
  auto& flags = options.flags;
  app.add_option("--config", flags.config, "the configuration file")->type_name("FILE");
  app.add_option("--runtime-dir", flags.runtime_dir, "where the sockets are")->type_name("DIR");
  app.add_option("--state-dir", flags.state_dir, "where the credentials are")->type_name("DIR");
  app.add_option("--profile", options.profile, "answer for this profile and refuse all others")
      ->type_name("NAME")
      ->check(is_profile_name);
  app.add_option("--for-user", options.for_user,
                 "on a socket from systemd: answer this user and root, and not whomever its mode lets in")
      ->type_name("USER");
  app.set_version_flag("--version", "fob-exchange " FOB_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : fob::traits(fob::ErrorCode::usage).exit_status;
  }
  return serve(options);
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
    std::fprintf(stderr, "fob-exchange: %s\n", error.what());
    return 1;
  }
}
