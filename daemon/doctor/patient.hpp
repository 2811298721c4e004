// What the doctor is called to: one installation of fob, as seen by whoever runs the command.
#pragma once

#include "daemon/config/config.hpp"
#include "daemon/config/locations.hpp"
#include "ipc/base/clock.hpp"

#include <string>
#include <sys/types.h>

namespace fob::doctor {

struct Patient {
  config::Locations at;         ///< what this fob reads itself
  config::Locations daemon_at;  ///< where fobd is looked for
  std::string fob;              ///< how a shell calls this fob, with the locations it was given
  bool units = false;           ///< the system installation: systemd starts fobd and the exchangers
  uid_t user = 0;               ///< who asks
  const Clock& clock;

  bool is_root() const { return user == 0; }
  /// `command` as this user has to write it where it takes root.
  std::string as_root(const std::string& command) const { return (is_root() ? "" : "sudo ") + command; }
  /// A command of fob's for operators.
  std::string operators(const std::string& arguments) const {
    return (units ? as_root(fob) : fob) + " " + arguments;
  }
  /// Opens `file` in an editor.
  std::string edit(const std::filesystem::path& file) const;
  /// Starts fobd.
  std::string start() const;
};

}  // namespace fob::doctor
