// fob-authority: the sandbox that stands in for the vendor's cloud, on loopback, while developing and
// testing. See README.md beside it. Its command line is trusted; its state directory is its own.
#include "ipc/base/clock.hpp"
#include "ipc/base/confine.hpp"
#include "ipc/base/file.hpp"
#include "ipc/wire/json.hpp"
#include "tests/authority/account.hpp"
#include "tests/authority/certificates.hpp"
#include "tests/authority/sandbox.hpp"
#include "tests/authority/server.hpp"

#include <CLI/CLI.hpp>
#include <sodium.h>

#include <cstdint>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <sys/file.h>

namespace {

using namespace fob;
using namespace fob::authority;

constexpr const char* k_warning =
    "sandbox for development and tests: never for production, never with real credentials";

struct Options {
  std::uint16_t port = 0;
  std::filesystem::path directory;
  double lifetime = 300;
  bool tls = false;
  std::string bad_cert;
};

void describe(CLI::App& app, Options& options) {
  app.footer(
      "Prints one line of JSON first: {\"url\":…,\"ca_file\":…,\"admin_url\":…,\"portal_url\":…}. Open the "
      "portal in a browser,\n"
      "or do without, for example:\n"
      "  curl --cacert DIR/ca.pem -H 'Fob-Sandbox-Admin: 1' -d '{\"name\":\"dev\",\"scopes\":[\"query\"]}' "
      "\\\n"
      "       URL/sandbox/credentials\n"
      "SIGTERM or SIGINT ends it. tests/authority/README.md has every route and every fault.");
  app.add_option("--port", options.port, "port on 127.0.0.1 and ::1; 0 picks one")->capture_default_str();
  app.add_option("--dir", options.directory, "where its state is kept, made with mode 0700")->required();
  app.add_option("--lifetime", options.lifetime, "seconds that a token lives; a fraction is allowed")
      ->capture_default_str();
  app.add_flag("--tls", options.tls, "https, by a throw-away CA in DIR/ca.pem");
  app.add_option("--bad-cert", options.bad_cert, "with --tls: a certificate that clients must refuse")
      ->check(CLI::IsMember({"expired", "wrong-host", "not-yet-valid", "untrusted"}))
      ->needs("--tls");
}

template <class T>
T value_of(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().detail);
  return std::move(*result);
}

/// Held while the sandbox runs: two in one directory would each undo what the other has saved.
UniqueFd lock(const std::filesystem::path& directory) {
  UniqueFd fd(::open((directory / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) throw std::runtime_error(with_errno((directory / "lock").string()));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
    throw std::runtime_error(directory.string() + " is in use by another fob-authority");
  return fd;
}

void announce(const Options& options, std::uint16_t port, const std::optional<TlsIdentity>& identity) {
  const std::string url = (identity ? "https://localhost:" : "http://localhost:") + std::to_string(port);
  Json line = {{"url", url},
               {"ca_file", nullptr},
               {"admin_url", url + "/sandbox"},
               {"portal_url", url + "/portal"},
               {"warning", k_warning}};
  if (identity) {
    line["ca_file"] = (options.directory / "ca.pem").string();
    line["pin_sha256"] = identity->pin_sha256;
  }
  std::printf("%s\n", wire::dump(line).c_str());
  std::fflush(stdout);
  std::fprintf(stderr, "fob-authority: %s\n", k_warning);
}

void run(Options options) {
  if (sodium_init() < 0) throw std::runtime_error("libsodium does not start");
  raise_descriptor_limit();
  const auto lifetime = lifetime_of(options.lifetime);
  if (!lifetime)
    throw CLI::ValidationError("--lifetime", "must be more than 0 seconds and less than a century");

  options.directory = std::filesystem::absolute(options.directory);
  if (auto made = make_directory(options.directory, 0700, ErrorCode::config); !made)
    throw std::runtime_error(made.error().detail);
  const UniqueFd held = lock(options.directory);
  std::optional<TlsIdentity> identity;
  if (options.tls)
    identity = value_of(
        make_identity(options.directory, certificate_flaw(options.bad_cert).value_or(CertificateFlaw::none)));

  const SystemClock clock;
  Settings settings;
  settings.lifetime = *lifetime;
  Sandbox sandbox(clock, value_of(Account::open(options.directory / "state.json")), settings);
  Server server(sandbox, options.port, identity);
  announce(options, server.port(), identity);
  server.run();
  if (auto saved = sandbox.world().account.save(); !saved) throw std::runtime_error(saved.error().detail);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("fob-authority: the sandbox that stands in for the vendor's cloud, on loopback only.",
               "fob-authority");
  try {
    Options options;
    describe(app, options);
    app.parse(argc, argv);
    run(std::move(options));
    return 0;
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : traits(ErrorCode::usage).exit_status;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "fob-authority: %s\n", e.what());
    return 1;
  }
}
