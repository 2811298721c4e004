#include "tests/authority/command_line.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>

namespace fob::authority {

void add_arguments(CLI::App& app, Arguments& arguments) {
  app.name("fob-authority");
  app.description("fob-authority: the sandbox that stands in for the vendor's cloud, on loopback only.");
  app.footer(
      "Prints one line of JSON first: {\"url\":…,\"ca_file\":…,\"admin_url\":…,\"portal_url\":…}. Open the "
      "portal in a browser,\n"
      "or do without, for example:\n"
      "  curl --cacert DIR/ca.pem -H 'Fob-Sandbox-Admin: 1' -d '{\"name\":\"dev\",\"scopes\":[\"query\"]}' "
      "\\\n"
      "       URL/sandbox/credentials\n"
      "SIGTERM or SIGINT ends it. tests/authority/README.md has every route and every fault.");
  app.add_option("--port", arguments.port,
                 "Port on 127.0.0.1 and, where there is one, ::1; 0, or left out, picks one")
      ->type_name("N");
  app.add_option("--dir", arguments.directory, "Where its state is kept, made with mode 0700")
      ->type_name("DIR")
      ->required();
  app.add_option("--lifetime", arguments.lifetime_s,
                 "Seconds that a token lives; a fraction is allowed; left out: 300")
      ->type_name("S");
  CLI::Option* tls = app.add_flag("--tls", arguments.tls,
                                  "https, by a throw-away CA in `DIR/ca.pem` that is kept over restarts");
  app.add_option("--bad-cert", arguments.bad_cert,
                 "A certificate to be refused: expired, wrong-host, not-yet-valid, untrusted")
      ->type_name("FLAW")
      ->check(CLI::IsMember({"expired", "wrong-host", "not-yet-valid", "untrusted"}).description(""))
      ->needs(tls);
}

}  // namespace fob::authority
