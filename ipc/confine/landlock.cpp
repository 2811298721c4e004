#include "ipc/confine/landlock.hpp"

#include "ipc/base/file.hpp"
#include "ipc/base/unique_fd.hpp"

#include <cerrno>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace fob::confine {
namespace {

// Of newer kernels than Debian 12's headers know (linux/landlock.h).
constexpr std::uint64_t k_fs_truncate = 1ULL << 14U;   // ABI 3
constexpr std::uint64_t k_fs_ioctl_dev = 1ULL << 15U;  // ABI 5
constexpr std::uint64_t k_net_bind_tcp = 1ULL << 0U;   // ABI 4
constexpr std::uint64_t k_net_connect_tcp = 1ULL << 1U;
constexpr std::uint64_t k_scope_abstract_socket = 1ULL << 0U;  // ABI 6
constexpr std::uint64_t k_scope_signal = 1ULL << 1U;
constexpr int k_rule_net_port = 2;

struct RulesetAttributes {
  std::uint64_t handled_fs = 0;
  std::uint64_t handled_net = 0;
  std::uint64_t scoped = 0;
};
struct NetPortAttributes {
  std::uint64_t allowed = 0;
  std::uint64_t port = 0;
};

constexpr std::uint64_t k_read_file = LANDLOCK_ACCESS_FS_READ_FILE;
constexpr std::uint64_t k_of_files = k_read_file | LANDLOCK_ACCESS_FS_WRITE_FILE;
constexpr std::uint64_t k_read = k_read_file | LANDLOCK_ACCESS_FS_READ_DIR;

// The parts of the attributes that this kernel knows; it refuses a larger structure.
std::size_t known_size(int abi) {
  if (abi >= 6) return sizeof(RulesetAttributes);
  if (abi >= 4) return offsetof(RulesetAttributes, scoped);
  return offsetof(RulesetAttributes, handled_net);
}

std::uint64_t known_fs(int abi) {
  std::uint64_t rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1U) - 1;  // ABI 1: all up to this one
  if (abi >= 2) rights |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) rights |= k_fs_truncate;
  if (abi >= 5) rights |= k_fs_ioctl_dev;
  return rights;
}

Result<void> allow(int ruleset, const std::filesystem::path& path, std::uint64_t rights) {
  const UniqueFd place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!place) return {};
  struct stat facts {};
  if (::fstat(place.get(), &facts) != 0) return fail(ErrorCode::internal, with_errno(path.string()));
  if (!S_ISDIR(facts.st_mode)) rights &= k_of_files;
  landlock_path_beneath_attr rule{};
  rule.allowed_access = rights;
  rule.parent_fd = place.get();
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
    return fail(ErrorCode::internal, with_errno("a Landlock rule for " + path.string()));
  return {};
}

Result<void> allow_port(int ruleset, std::uint16_t port) {
  const NetPortAttributes rule{k_net_connect_tcp, port};
  if (::syscall(SYS_landlock_add_rule, ruleset, k_rule_net_port, &rule, 0) != 0)
    return fail(ErrorCode::internal, with_errno("a Landlock rule for a port"));
  return {};
}

Result<void> fill(int ruleset, int abi, const Reach& reach) {
  for (const auto& path : reach.readable)
    if (const auto allowed = allow(ruleset, path, k_read); !allowed) return allowed;
  for (const auto& path : reach.writable)
    if (const auto allowed = allow(ruleset, path, LANDLOCK_ACCESS_FS_WRITE_FILE); !allowed) return allowed;
  for (const auto& path : reach.removable)
    if (const auto allowed = allow(ruleset, path, LANDLOCK_ACCESS_FS_REMOVE_FILE); !allowed) return allowed;
  if (abi < 4) return {};
  for (const auto port : reach.tcp_ports)
    if (const auto allowed = allow_port(ruleset, port); !allowed) return allowed;
  return {};
}

}  // namespace

Result<int> limit_reach(const Reach& reach) {
  const auto abi =
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION));
  if (abi <= 0) return 0;
  RulesetAttributes attributes;
  attributes.handled_fs = known_fs(abi);
  attributes.handled_net = k_net_bind_tcp | k_net_connect_tcp;
  attributes.scoped = reach.alone ? k_scope_abstract_socket | k_scope_signal : 0;
  const UniqueFd ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, known_size(abi), 0)));
  if (!ruleset) return fail(ErrorCode::internal, with_errno("a Landlock rule set"));
  if (const auto filled = fill(ruleset.get(), abi, reach); !filled) return filled.error();
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0)
    return fail(ErrorCode::internal, with_errno("landlock_restrict_self"));
  return abi;
}

}  // namespace fob::confine
