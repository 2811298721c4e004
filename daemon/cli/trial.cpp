#include "daemon/cli/trial.hpp"

#include "ipc/base/unique_fd.hpp"
#include "ipc/base/unix_address.hpp"
#include "ipc/wire/limits.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <variant>
#include <vector>

namespace fob::cli {
namespace {

using std::chrono::milliseconds;

// Where a unit has just ended, systemd closes what waits on its socket, and listens again within a few
// milliseconds.
constexpr std::array k_pauses = {milliseconds(30), milliseconds(100), milliseconds(0)};
constexpr timeval k_crowded{5, 0};

wire::ExchangeFailure failure(ErrorCode code, std::string detail) { return {code, 0, std::move(detail), {}}; }

wire::ExchangeFailure not_started(const std::filesystem::path& exchanger, int reason) {
  return failure(ErrorCode::internal, exchanger.string() +
                                          " cannot be started: " + std::generic_category().message(reason) +
                                          "; it belongs beside fob or in its libexec directory");
}

// A child process that does not outlive this object.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

 private:
  pid_t pid_;
};

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Starts the exchanger with `channel` as its stdin and stdout; returns its pid, or -1 with errno.
pid_t spawn(const std::filesystem::path& exchanger, const config::Locations& locations, int channel) {
  std::vector<std::string> words = {exchanger.string(), "--config", locations.config_file.string(),
                                    "--state-dir", locations.state_dir.string()};
  std::vector<std::string> variables = config::environment_for_children(config::process_environment);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, channel, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, channel, STDOUT_FILENO);
  // What this program holds back or ignores is no business of the child's.
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t signals;
  ::sigemptyset(&signals);
  ::posix_spawnattr_setsigmask(&attributes, &signals);
  ::sigaddset(&signals, SIGIO);
  ::posix_spawnattr_setsigdefault(&attributes, &signals);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = -1;
  errno = ::posix_spawn(&pid, exchanger.c_str(), &actions, &attributes, pointers_to(words).data(),
                        pointers_to(variables).data());
  const int reason = errno;
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  errno = reason;
  return reason == 0 ? pid : -1;
}

// Everything up to the end of the first line, or of the channel; nothing where `until` comes before that, or
// nothing was said.
std::optional<std::string> read_line(int channel, const Clock& clock, BootTime until) {
  std::string line;
  std::array<char, 4096> chunk{};
  while (line.size() <= wire::k_max_exchange_answer) {
    const auto left = std::chrono::ceil<milliseconds>(until - clock.boot_now());
    pollfd waiting{channel, POLLIN, 0};
    const int ready = left.count() <= 0 ? 0 : ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    const ssize_t n = ready <= 0 ? -1 : ::recv(channel, chunk.data(), chunk.size(), 0);
    if (n == 0 && !line.empty()) return line;  // cut off, and nobody can read an answer in it
    if (n <= 0) return std::nullopt;
    const std::string_view fresh(chunk.data(), static_cast<std::size_t>(n));
    const auto end = fresh.find('\n');
    line.append(fresh.substr(0, end));
    if (end != std::string_view::npos) return line;
  }
  return line;
}

// What `who` answers; nothing where it ends without a word.
std::optional<wire::ExchangeAnswer> ask(const UniqueFd& channel, const std::string& profile,
                                        const Clock& clock, BootTime until, const std::string& who) {
  // A short line always fits the socket's buffer; if the other end is gone already, reading will say so.
  const std::string request = wire::encode(wire::ExchangeRequest{profile, wire::Slot::next}) + "\n";
  ::send(channel.get(), request.data(), request.size(), MSG_NOSIGNAL);
  const auto line = read_line(channel.get(), clock, until);
  if (!line && clock.boot_now() >= until)
    return failure(ErrorCode::timeout, who + " did not answer in time; try again");
  if (!line) return std::nullopt;
  auto answer = wire::decode_exchange_answer(*line);
  if (!answer)
    return failure(ErrorCode::bad_answer, who + "'s answer cannot be read (" + answer.error().detail +
                                              "); is it of another version than fob?");
  return std::move(*answer);
}

// Nothing, with errno, where nobody listens.
UniqueFd connect_to(const std::filesystem::path& socket) {
  const auto address = unix_address(socket.native());
  if (!address) return {};
  UniqueFd channel(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!channel) return channel;
  // unix(7): connecting waits for that long where too many are waiting already.
  ::setsockopt(channel.get(), SOL_SOCKET, SO_SNDTIMEO, &k_crowded, sizeof k_crowded);
  while (connect_unix(channel.get(), *address) != 0) {
    if (errno == EINTR) continue;
    channel.reset();
    break;
  }
  return channel;
}

}  // namespace

wire::ExchangeAnswer try_staged_credential(const std::string& profile, const std::filesystem::path& exchanger,
                                           const config::Locations& locations, const Clock& clock,
                                           milliseconds within) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return not_started(exchanger, errno);
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  const pid_t pid = spawn(exchanger, locations, theirs.get());
  if (pid < 0) return not_started(exchanger, errno);
  const Child child(pid);
  theirs.reset();
  auto answer = ask(ours, profile, clock, clock.boot_now() + within, "fob-exchange");
  if (!answer) return failure(ErrorCode::internal, "fob-exchange ended without an answer; try again");
  return std::move(*answer);
}

wire::ExchangeAnswer try_staged_credential_by_unit(const std::string& profile,
                                                   const std::filesystem::path& socket, const Clock& clock,
                                                   milliseconds within) {
  const std::string unit = "fob-exchange@" + profile;
  const BootTime until = clock.boot_now() + within;
  for (const auto pause : k_pauses) {
    const UniqueFd channel = connect_to(socket);
    if (!channel)
      return failure(ErrorCode::internal, unit + ".socket cannot be asked (" + socket.string() + ": " +
                                              std::generic_category().message(errno) +
                                              "); see: systemctl status " + unit + ".socket");
    auto answer = ask(channel, profile, clock, until, unit + ".service");
    if (answer) return std::move(*answer);
    std::this_thread::sleep_for(pause);
  }
  return failure(ErrorCode::internal,
                 unit + ".service ended without an answer; see: systemctl status " + unit);
}

}  // namespace fob::cli
