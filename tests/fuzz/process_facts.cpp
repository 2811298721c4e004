// What the kernel writes of a process, names of its own choice included: its control group and its status.
#include "daemon/core/cgroup_unit.hpp"
#include "ipc/transport/process_status.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  if (const auto unit = fob::core::unit_of_cgroup(text)) {
    if (unit->empty() || unit->find('\n') != std::string::npos) std::abort();
    // A unit that was found is one that a grant can name.
    const auto named = fob::core::unit_of_grant(*unit, std::nullopt);
    if (named && *named != *unit) std::abort();
  }
  (void)fob::core::unit_of_grant(std::string(text.substr(0, 512)), "user@1000.service");
  (void)fob::transport::parse_process_status(text);
  return 0;
}
