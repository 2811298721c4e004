// The device's users, by name and by number. For programs of one thread (getpwnam(3)); fobd has accounts.hpp.
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>

namespace fob {

/// The user whom `text` names, or whose number it is. Nothing where there is no user of that name.
std::optional<uid_t> user_named(const std::string& text);

/// What user `uid` is called; nothing where nobody has that number.
std::optional<std::string> name_of_user(uid_t uid);

}  // namespace fob
