// /proc/PID/status (proc(5)): who a process is by its credentials. The kernel writes it, but for the
// process's own name, which it escapes.
#pragma once

#include <optional>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace fob::transport {

struct ProcessStatus {
  uid_t uid = 0;  ///< effective
  gid_t gid = 0;  ///< effective
  std::vector<gid_t> groups;
};

/// Nothing where a line is missing or odd.
std::optional<ProcessStatus> parse_process_status(std::string_view text);

}  // namespace fob::transport
