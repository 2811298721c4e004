// Continuity: each profile's token, and how long a failing one waits, lie with the service manager in sealed
// memory, so that a restart, an upgrade or a crash of fobd costs no exchange and no app a token (design.md
// §10). What comes back is judged like anything from outside; what is stale, foreign or damaged is dropped.
#pragma once

#include "daemon/broker/service_manager.hpp"
#include "daemon/core/refresh.hpp"
#include "ipc/base/clock.hpp"
#include "ipc/base/handed_descriptors.hpp"
#include "ipc/base/log.hpp"
#include "ipc/wire/kept_profile.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fob::broker {

/// What the descriptors are called that hold a profile: this and a number that grows.
inline constexpr std::string_view k_kept_prefix = "profile-";

class KeptProfiles {
 public:
  /// `boot_id`: of this boot (/proc/sys/kernel/random/boot_id). What is referred to outlives this.
  KeptProfiles(const ServiceManager& manager, const Clock& clock, std::string boot_id, Log& log);

  /// What the predecessor left. To be called once, before the first recall().
  void take_back(std::vector<HandedDescriptor> handed);
  /// What was left of this profile, if it still holds. `purpose` says whose tokens they are and for what:
  /// with another one than they were kept for, they are dropped. Once a profile.
  core::Resumption recall(const std::string& profile, const std::string& purpose);
  /// Drops what nobody recalled: profiles that are no longer configured.
  void forget_the_rest();

  /// Replaces what is kept of the profile; nothing worth keeping: forgets it.
  void keep(const std::string& profile, const std::string& purpose, const core::Resumption& state);
  /// An orderly stop: whoever restarts fobd by hand wants it to try at once.
  void forget_waits();

 private:
  struct Returned {
    std::uint64_t number;
    wire::KeptProfile kept;
  };
  struct Kept {
    std::string name;
    bool has_token;
  };

  void take_back(const HandedDescriptor& handed);
  void forget(const std::string& name);
  void drop(const std::string& name, const std::string& why);
  std::optional<core::Resumption> judge(const wire::KeptProfile& kept, const std::string& purpose) const;

  const ServiceManager& manager_;
  const Clock& clock_;
  std::string boot_id_;
  Log& log_;
  std::uint64_t next_number_ = 1;
  std::map<std::string, Returned> returned_;
  std::map<std::string, Kept> kept_;
};

}  // namespace fob::broker
