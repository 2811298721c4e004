#include "daemon/doctor/patient.hpp"

#include "ipc/base/shell_word.hpp"

#include <array>
#include <sys/stat.h>
#include <unistd.h>

namespace fob::doctor {
namespace {

// How messages introduce the command that they end with.
constexpr std::array<std::string_view, 4> k_before_commands = {
    "; run: ", "; enrol again: ", ", enrol again: ", ". Enrol again: "};

std::optional<uid_t> owner_of(const std::filesystem::path& path) {
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0) return std::nullopt;
  return facts.st_uid;
}

// "chmod MODE FILE" or "chown USER FILE": only root gives a file away, and only its owner and root change its
// mode.
std::string of_file(const Patient& patient, const std::string& command) {
  const std::string file = command.substr(command.rfind(' ') + 1);
  return command.starts_with("chmod ") && owner_of(file) == patient.user ? command : patient.as_root(command);
}

// "fob ONE && fob OTHER", as messages have it that do not know how this fob is called.
std::string of_operators(const Patient& patient, std::string_view commands) {
  constexpr std::string_view k_and = " && ", k_fob = "fob ";
  const auto end = std::min(commands.find(k_and), commands.size());
  std::string first(commands.substr(0, end));
  if (first.starts_with(k_fob)) first = patient.operators(first.substr(k_fob.size()));
  if (end == commands.size()) return first;
  return first + std::string(k_and) + of_operators(patient, commands.substr(end + k_and.size()));
}

}  // namespace

std::string Patient::as_keeper(const std::string& command) const {
  if (keeper == user) return command;
  return (keeper == 0 ? "sudo " : "sudo -u '#" + std::to_string(keeper) + "' ") + command;
}

std::string Patient::edit(const std::filesystem::path& file) const {
  const bool own = ::access(file.c_str(), W_OK) == 0 || ::access(file.parent_path().c_str(), W_OK) == 0;
  // Unquoted, since EDITOR may have arguments.
  return (own ? "${EDITOR:-vi} " : "sudoedit ") + in_shell(file);
}

std::string Patient::start() const {
  if (units) return as_root("systemctl restart fob.socket fob.service");
  return as_keeper("nohup " + in_shell(config::sibling_program("fobd")) + " --config " +
                   in_shell(at.config_file) + " --runtime-dir " + in_shell(at.runtime_dir) + " --state-dir " +
                   in_shell(at.state_dir) + " >/dev/null 2>&1 &");
}

std::string Patient::restart(std::optional<std::int64_t> pid) const {
  // The sockets stay, so that nobody is refused meanwhile.
  if (units) return as_root("systemctl restart fob.service");
  if (!pid) return start();
  return as_keeper("kill -KILL " + std::to_string(*pid)) + "; " + start();
}

uid_t keeper_of(const config::Locations& at, const config::Locations& daemon_at, bool units, uid_t user) {
  if (units) return 0;
  if (const auto owner = owner_of(daemon_at.control_socket())) return *owner;
  return owner_of(at.state_dir).value_or(user);
}

Finding failure(const Patient& patient, Check check, const Error& error, std::string otherwise) {
  for (const auto before : k_before_commands) {
    const auto at = error.detail.rfind(before);
    if (at == std::string::npos) continue;
    const std::string command = error.detail.substr(at + before.size());
    const std::string what = error.detail.substr(0, at);
    if (command.starts_with("chmod ") || command.starts_with("chown "))
      return failure(Check::permissions, error.code, what, of_file(patient, command));
    return failure(check, error.code, what, of_operators(patient, command));
  }
  return failure(check, error.code, error.detail, std::move(otherwise));
}

}  // namespace fob::doctor
