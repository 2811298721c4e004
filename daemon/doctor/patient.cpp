#include "daemon/doctor/patient.hpp"

#include "daemon/doctor/finding.hpp"

#include <unistd.h>

namespace fob::doctor {

std::string Patient::edit(const std::filesystem::path& file) const {
  const bool own = ::access(file.c_str(), W_OK) == 0 || ::access(file.parent_path().c_str(), W_OK) == 0;
  return (own ? "\"${EDITOR:-vi}\" " : "sudoedit ") + in_shell(file);
}

std::string Patient::start() const {
  if (units) return as_root("systemctl restart fob.socket fob.service");
  return "nohup " + in_shell(config::sibling_program("fobd")) + " --config " + in_shell(at.config_file) +
         " --runtime-dir " + in_shell(at.runtime_dir) + " --state-dir " + in_shell(at.state_dir) +
         " >/dev/null 2>&1 &";
}

}  // namespace fob::doctor
