#include "ipc/base/users.hpp"

#include <charconv>
#include <pwd.h>

namespace fob {

std::optional<uid_t> user_named(const std::string& text) {
  uid_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc() && rest == end) return number;
  const passwd* entry = ::getpwnam(text.c_str());  // NOLINT(concurrency-mt-unsafe): one thread
  return entry == nullptr ? std::nullopt : std::optional(entry->pw_uid);
}

std::optional<std::string> name_of_user(uid_t uid) {
  const passwd* entry = ::getpwuid(uid);  // NOLINT(concurrency-mt-unsafe): one thread
  return entry == nullptr ? std::nullopt : std::optional<std::string>(entry->pw_name);
}

}  // namespace fob
