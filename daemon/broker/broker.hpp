// What fobd knows and decides, without a socket in sight: the profiles with their keepers, the policy, and
// the configuration they come from. The two interfaces (app_interface.hpp, operator_interface.hpp) ask it.
#pragma once

#include "daemon/broker/audit.hpp"
#include "daemon/broker/token_keeper.hpp"
#include "daemon/config/config.hpp"
#include "daemon/core/policy.hpp"
#include "ipc/base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace fob::broker {

/// What became of a request for a profile.
struct Judgement {
  Result<std::shared_ptr<TokenKeeper>> keeper;
  std::string profile;                     ///< the one meant; "" where that is open
  std::optional<core::Decision> decision;  ///< nothing where it did not come to one
};

class Broker {
 public:
  /// Starts a keeper for every profile. `config_file` is what reload() reads again. surroundings.stirred is
  /// called with each change of minds_network().
  Broker(config::Config config, std::filesystem::path config_file, uid_t own_uid, Surroundings surroundings);
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  /// The keeper this peer means by `profile`, or by naming none, if it may have it. A refusal is the same
  /// whether the profile does not exist or is not granted, unless the peer may have every profile.
  Judgement keeper_for(const core::PeerFacts& peer, const std::optional<std::string>& profile) const;
  /// Every keeper this peer may have, by name.
  std::vector<std::shared_ptr<TokenKeeper>> keepers_for(const core::PeerFacts& peer) const;
  /// The grants in force, for who gathers facts or explains.
  const core::Policy& policy() const { return policy_; }
  const FactSources& fact_sources() const { return around_.facts; }
  /// What units are called in a grant that names no manager: the user manager that fobd runs under.
  const std::optional<std::string>& own_manager() const { return own_manager_; }
  const std::shared_ptr<Audit>& audit() const { return audit_; }
  /// To be called before anything is answered; see Surroundings::look.
  void look() const { around_.look(); }
  /// Another number after each reload: what was decided before may be decided otherwise now.
  std::uint64_t generation() const { return generation_; }
  const boost::asio::any_io_executor& executor() const { return around_.executor; }

  /// For operators: the keeper of a profile, or unknown_profile.
  Result<std::shared_ptr<TokenKeeper>> keeper(const std::string& profile) const;
  std::vector<std::shared_ptr<TokenKeeper>> keepers() const;
  const config::Config& config() const { return config_; }

  /// The device's surroundings changed: every profile hears of it.
  void change(core::Change change);
  /// Whether a network that comes up would make a difference to any profile.
  bool minds_network() const;

  /// What is wrong, in words that name no profile, since anyone may ask: a profile that is always refreshed
  /// has no valid token, or the credential of one is refused. Nothing if all is well.
  std::optional<wire::Problem> trouble() const;

  /// Whether an exchange is under way.
  bool exchanging() const;
  /// No more exchanges and no more tokens; requests that wait are told why.
  void retire(const wire::Problem& why);

  /// Reads the configuration again. On an error nothing changes. Profiles whose authority changed start anew;
  /// the others keep their token.
  Result<void> reload();

 private:
  void start_keeper(const config::Profile& profile);
  bool lacks_token(const config::Profile& profile) const;
  Judgement judged(const core::PeerFacts& peer, const std::string& profile) const;
  Judgement refused(const core::PeerFacts& peer, const std::string& profile, core::Decision decision) const;

  config::Config config_;
  std::filesystem::path config_file_;
  uid_t own_uid_;
  std::optional<std::string> own_manager_;
  Surroundings around_;
  core::Policy policy_;
  std::uint64_t generation_ = 0;
  std::shared_ptr<Audit> audit_;
  std::map<std::string, std::shared_ptr<TokenKeeper>> keepers_;
};

}  // namespace fob::broker
