// fobd as it runs: its sockets, whether it answers, and what it says of itself and of each profile.
#pragma once

#include "daemon/doctor/finding.hpp"
#include "daemon/doctor/patient.hpp"
#include "daemon/store/credential_store.hpp"
#include "ipc/wire/json.hpp"

#include <optional>
#include <vector>

namespace fob::doctor {

struct AskedDaemon {
  bool answers = false;
  std::optional<wire::Json> status;  ///< for operators alone
  std::vector<Finding> findings;     ///< of its sockets and of itself
};

AskedDaemon ask_daemon(const Patient& patient);

/// Credential, scopes and token of every profile of `config`: as fobd says, or by what is stored where that
/// is all there is. Pure.
std::vector<Finding> judge_profiles(const Patient& patient, const config::Config& config,
                                    const AskedDaemon& daemon, const store::Listing* listing);

/// What whoever asks may have, by fobd's own word.
std::vector<Finding> judge_grants(const Patient& patient, const config::Config& config,
                                  const AskedDaemon& daemon);

}  // namespace fob::doctor
