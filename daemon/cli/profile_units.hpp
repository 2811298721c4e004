// The units that serve a profile in the system installation: fob-exchange@PROFILE.socket, which systemd
// listens on, and the .service that it starts. They are enabled with a profile's first credential and
// disabled with its last, so that no operator needs to know their names. systemd is asked by systemctl(1).
//
// Each profile's exchanger has a user of its own, so that one profile's can do nothing to another's. systemd
// would give all instances of a template one dynamic user, so a drop-in names one for each.
// A credential that is stored is stored: where systemd does not do as asked, that is a warning with the
// command to run.
#pragma once

#include "daemon/cli/context.hpp"
#include "daemon/config/store_choice.hpp"
#include "daemon/store/tool.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace fob::cli {

class ProfileUnits {
 public:
  /// `here`: this is the system installation. Elsewhere there are no units, and nothing is ever done.
  /// `settings`: where drop-ins of units go.
  ProfileUnits(bool here, store::Tool systemctl, std::function<void(const std::string& message)> say,
               std::filesystem::path settings = "/etc/systemd/system");

  bool are_here() const { return here_; }
  /// Fails with config where first credentials would go to a store that the units cannot read.
  Result<void> check(const config::StoreChoice& choice) const;
  /// Makes the units what the profile needs now that its credentials are in `store` (nothing: it has none),
  /// and ends an exchanger that still has the credential of before.
  void follow(const std::string& profile, const std::optional<config::StoreKind>& store) const;

 private:
  std::filesystem::path drop_in_of(const std::string& unit) const;
  /// Whether it was missing, and now is there.
  bool give_user(const std::string& unit, const std::string& profile) const;
  void take_user(const std::string& unit) const;
  void enable(const std::string& unit, const std::string& profile) const;
  void systemctl(std::vector<std::string> words, const std::string& otherwise) const;

  bool here_;
  store::Tool systemctl_;
  std::function<void(const std::string& message)> say_;
  std::filesystem::path settings_;
};

/// Those of this device: root's, where the store choice says that systemd starts fob's exchangers.
ProfileUnits units_here(const Context& context);

}  // namespace fob::cli
