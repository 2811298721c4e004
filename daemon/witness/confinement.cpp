#include "daemon/witness/confinement.hpp"

#include "ipc/base/confine.hpp"
#include "ipc/confine/system_calls.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <linux/capability.h>
#include <stdexcept>
#include <string_view>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

namespace fob::witness {
namespace {

[[noreturn]] void give_up(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

// capget(2): two words a set; CAP_SYS_PTRACE is in the first.
using Capabilities = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;
constexpr std::uint32_t k_ptrace = std::uint32_t{1} << CAP_SYS_PTRACE;

// To take connections and talk on them. No socket can be made, no process started, traced or signalled.
constexpr std::array<std::string_view, 8> k_allowed = {"accept",  "accept4", "getsockopt", "setsockopt",
                                                       "sendmsg", "sendto",  "recvmsg",    "recvfrom"};

void drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  Capabilities held{};
  if (::syscall(SYS_capget, &header, held.data()) != 0) give_up("capget");
  Capabilities kept{};
  kept[0].effective = kept[0].permitted = held[0].permitted & k_ptrace;
  // Best effort: it takes CAP_SETPCAP, and without new privileges the bounding set bounds nothing any more.
  for (unsigned long capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    if (capability != CAP_SYS_PTRACE) ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) give_up("PR_CAP_AMBIENT");
  // Its unit has given it no more, and no right to change that either.
  if (held[0].permitted == kept[0].permitted && held[1].permitted == 0) return;
  if (::syscall(SYS_capset, &header, kept.data()) != 0) give_up("capset");
}

}  // namespace

void confine() {
  forbid_dumps();
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) give_up("PR_SET_NO_NEW_PRIVS");
  drop_capabilities();
  if (const auto filtered = confine::allow_only({k_allowed, {}, true}); !filtered)
    throw std::runtime_error(filtered.error().detail);
}

}  // namespace fob::witness
