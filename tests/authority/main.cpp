// fob-authority: the sandbox that stands in for the vendor's cloud, on loopback, while developing and
// testing. See README.md beside it. Its command line is trusted; its state directory is its own.
#include "ipc/base/clock.hpp"
#include "ipc/base/confine.hpp"
#include "ipc/base/file.hpp"
#include "ipc/wire/json.hpp"
#include "tests/authority/account.hpp"
#include "tests/authority/certificates.hpp"
#include "tests/authority/command_line.hpp"
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

void announce(const Arguments& arguments, std::uint16_t port, const std::optional<TlsIdentity>& identity) {
  const std::string url = (identity ? "https://localhost:" : "http://localhost:") + std::to_string(port);
  Json line = {{"url", url},
               {"ca_file", nullptr},
               {"admin_url", url + "/sandbox"},
               {"portal_url", url + "/portal"},
               {"warning", k_warning}};
  if (identity) {
    line["ca_file"] = (arguments.directory / "ca.pem").string();
    line["pin_sha256"] = identity->pin_sha256;
  }
  std::printf("%s\n", wire::dump(line).c_str());
  std::fflush(stdout);
  std::fprintf(stderr, "fob-authority: %s\n", k_warning);
}

void run(Arguments arguments) {
  if (sodium_init() < 0) throw std::runtime_error("libsodium does not start");
  raise_descriptor_limit();
  const auto lifetime = lifetime_of(arguments.lifetime_s);
  if (!lifetime)
    throw CLI::ValidationError("--lifetime", "must be more than 0 seconds and less than a century");

  arguments.directory = std::filesystem::absolute(arguments.directory);
  if (auto made = make_directory(arguments.directory, 0700, ErrorCode::config); !made)
    throw std::runtime_error(made.error().detail);
  const UniqueFd held = lock(arguments.directory);
  std::optional<TlsIdentity> identity;
  if (arguments.tls)
    identity = value_of(make_identity(arguments.directory,
                                      certificate_flaw(arguments.bad_cert).value_or(CertificateFlaw::none)));

  const SystemClock clock;
  Settings settings;
  settings.lifetime = *lifetime;
  Sandbox sandbox(clock, value_of(Account::open(arguments.directory / "state.json")), settings);
  Server server(sandbox, arguments.port, identity);
  announce(arguments, server.port(), identity);
  server.run();
  if (auto saved = sandbox.world().account.save(); !saved) throw std::runtime_error(saved.error().detail);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app;
  try {
    Arguments arguments;
    add_arguments(app, arguments);
    app.parse(argc, argv);
    run(std::move(arguments));
    return 0;
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : traits(ErrorCode::usage).exit_status;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "fob-authority: %s\n", e.what());
    return 1;
  }
}
