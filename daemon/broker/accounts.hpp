// Users and groups by name and by number, out of the system's databases. They may be slow: for starts,
// reloads and operators, never for a request of an app's.
#pragma once

#include "daemon/core/policy.hpp"

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace fob::broker {

/// A name, or a number in digits, which stands for itself.
core::Account user_account(const std::string& written);
core::Account group_account(const std::string& written);

std::optional<std::string> user_name(uid_t uid);
std::optional<std::string> group_name(gid_t gid);

/// The groups that a login of this user would have: the primary one, and all.
struct LoginGroups {
  gid_t primary;
  std::vector<gid_t> all;
};
std::optional<LoginGroups> login_groups(uid_t uid);

}  // namespace fob::broker
