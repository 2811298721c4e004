// What the doctor is called to: one installation of fob, as seen by whoever runs the command; and how that
// person writes the commands that mend it.
#pragma once

#include "daemon/config/config.hpp"
#include "daemon/config/locations.hpp"
#include "daemon/doctor/finding.hpp"
#include "ipc/base/clock.hpp"

#include <optional>
#include <string>
#include <sys/types.h>

namespace fob::doctor {

struct Patient {
  config::Locations at;         ///< what this fob reads itself
  config::Locations daemon_at;  ///< where fobd is looked for
  std::string fob;              ///< how a shell calls this fob, with the locations it was given
  bool units = false;           ///< the system installation: systemd starts fobd and the exchangers
  uid_t user = 0;               ///< who asks
  uid_t keeper = 0;             ///< whose fobd and store it is: see keeper_of()
  const Clock& clock;

  bool is_root() const { return user == 0; }
  /// `command` as this user has to write it where it takes root, or the keeper.
  std::string as_root(const std::string& command) const { return (is_root() ? "" : "sudo ") + command; }
  std::string as_keeper(const std::string& command) const;
  /// A command of fob's for operators.
  std::string operators(const std::string& arguments) const { return as_keeper(fob + " " + arguments); }
  /// Opens `file` in an editor.
  std::string edit(const std::filesystem::path& file) const;
  /// Edits the configuration and puts it in force.
  std::string configure() const { return edit(at.config_file) + " && " + operators("reload"); }
  /// Starts fobd.
  std::string start() const;
  /// Ends the fobd that runs as `pid`, if it is known, and starts another.
  std::string restart(std::optional<std::int64_t> pid) const;
};

/// In the system installation root; else who owns the control socket, or where there is none what is kept, or
/// who asks.
uid_t keeper_of(const config::Locations& at, const config::Locations& daemon_at, bool units, uid_t user);

/// A failure out of an error whose detail ends in the command that mends it ("…; run: chmod 600 FILE", "…;
/// enrol again: fob credential …"), as this patient has to write it; where it does not, `otherwise` is that
/// command. A wrong mode or owner is a finding of Check::permissions.
Finding failure(const Patient& patient, Check check, const Error& error, std::string otherwise);

}  // namespace fob::doctor
