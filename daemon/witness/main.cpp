// fob-witness: tells fobd which program a process runs. It may look into other users' processes
// (CAP_SYS_PTRACE), which the broker may not, and so it does nothing else: no network, no configuration, no
// files but the programs it is asked about. Started by its socket unit with a listening socket as descriptor
// 3, or by fobd with a connected one as stdin. Exits 0 when nobody asks any more, 2 on a wrong command line,
// 1 otherwise.
#include "daemon/witness/command_line.hpp"
#include "daemon/witness/confinement.hpp"
#include "daemon/witness/conversation.hpp"
#include "daemon/witness/service.hpp"
#include "ipc/base/error.hpp"
#include "ipc/base/stderr_line.hpp"
#include "ipc/base/users.hpp"

#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <unistd.h>

namespace {

// sd_listen_fds(3): the first descriptor that is handed over.
constexpr int k_handed_over = 3;

bool is_handed_a_socket() {
  const char* pid = std::getenv("LISTEN_PID");    // NOLINT(concurrency-mt-unsafe): one thread yet
  const char* count = std::getenv("LISTEN_FDS");  // NOLINT(concurrency-mt-unsafe)
  return pid != nullptr && count != nullptr && pid == std::to_string(::getpid()) &&
         std::string_view(count) == "1";
}

void say(const std::string& what) { fob::say_on_stderr("fob-witness", fob::Priority::error, what); }

int usage(const std::string& what) {
  say(what);
  return fob::traits(fob::ErrorCode::usage).exit_status;
}

// Without a socket to listen on, stdin is the one who asks: who started it has chosen that.
int testify(uid_t asker) {
  using namespace fob::witness;
  HashCache hashes;
  if (is_handed_a_socket()) {
    serve(k_handed_over, asker, hashes);
    return 0;
  }
  if (!asker_of(STDIN_FILENO))
    return usage("stdin must be a connected Unix socket; fobd or a socket unit starts this program");
  return converse(STDIN_FILENO, hashes) ? 0 : 1;
}

int run(int argc, char** argv) {
  CLI::App app;
  fob::witness::Arguments arguments;
  fob::witness::add_arguments(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : fob::traits(fob::ErrorCode::usage).exit_status;
  }
  // NSS may open files and sockets, so names are resolved before anything is given up.
  auto uid = arguments.for_uid;
  if (const auto& user = arguments.for_user; !user.empty()) {
    uid = fob::user_named(user);
    if (!uid) return usage("there is no user " + user + " here");
  }

  std::signal(SIGPIPE, SIG_IGN);
  fob::witness::confine();
  // From now on every byte is another's.
  return testify(uid.value_or(::geteuid()));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    say(error.what());
    return 1;
  }
}
