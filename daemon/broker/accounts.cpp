#include "daemon/broker/accounts.hpp"

#include <cerrno>
#include <charconv>
#include <grp.h>
#include <pwd.h>

namespace fob::broker {
namespace {

// A group with tens of thousands of members.
constexpr std::size_t k_most_space = 4 * 1024 * 1024;
constexpr int k_most_groups = 65536;

// Calls one of getpwnam_r(3)'s kind with as much space as it takes; whether it found an entry.
template <class Entry, class Call>
bool look_up(Entry& entry, std::vector<char>& space, Call call) {
  for (space.resize(4096); space.size() <= k_most_space; space.resize(space.size() * 4)) {
    Entry* found = nullptr;
    const int error = call(&entry, space.data(), space.size(), &found);
    if (error == ERANGE) continue;
    return error == 0 && found != nullptr;
  }
  return false;
}

std::optional<id_t> number_in(const std::string& text) {
  id_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  // The last number means "none" to the kernel.
  if (error != std::errc() || end != text.data() + text.size() || number == static_cast<id_t>(-1))
    return std::nullopt;
  return number;
}

}  // namespace

core::Account user_account(const std::string& written) {
  if (const auto number = number_in(written)) return {written, number};
  passwd entry{};
  std::vector<char> space;
  const bool found = look_up(entry, space, [&](passwd* into, char* at, std::size_t size, passwd** result) {
    return ::getpwnam_r(written.c_str(), into, at, size, result);
  });
  return {written, found ? std::optional<id_t>(entry.pw_uid) : std::nullopt};
}

core::Account group_account(const std::string& written) {
  if (const auto number = number_in(written)) return {written, number};
  ::group entry{};
  std::vector<char> space;
  const bool found = look_up(entry, space, [&](::group* into, char* at, std::size_t size, ::group** result) {
    return ::getgrnam_r(written.c_str(), into, at, size, result);
  });
  return {written, found ? std::optional<id_t>(entry.gr_gid) : std::nullopt};
}

std::optional<std::string> user_name(uid_t uid) {
  passwd entry{};
  std::vector<char> space;
  const bool found = look_up(entry, space, [&](passwd* into, char* at, std::size_t size, passwd** result) {
    return ::getpwuid_r(uid, into, at, size, result);
  });
  return found ? std::optional<std::string>(entry.pw_name) : std::nullopt;
}

std::optional<std::string> group_name(gid_t gid) {
  ::group entry{};
  std::vector<char> space;
  const bool found = look_up(entry, space, [&](::group* into, char* at, std::size_t size, ::group** result) {
    return ::getgrgid_r(gid, into, at, size, result);
  });
  return found ? std::optional<std::string>(entry.gr_name) : std::nullopt;
}

std::optional<LoginGroups> login_groups(uid_t uid) {
  passwd entry{};
  std::vector<char> space;
  const bool found = look_up(entry, space, [&](passwd* into, char* at, std::size_t size, passwd** result) {
    return ::getpwuid_r(uid, into, at, size, result);
  });
  if (!found) return std::nullopt;
  std::vector<gid_t> groups(64);
  int count = static_cast<int>(groups.size());
  while (::getgrouplist(entry.pw_name, entry.pw_gid, groups.data(), &count) < 0) {
    if (count > k_most_groups) return std::nullopt;
    groups.resize(static_cast<std::size_t>(count));
  }
  groups.resize(static_cast<std::size_t>(count));
  return LoginGroups{entry.pw_gid, std::move(groups)};
}

}  // namespace fob::broker
