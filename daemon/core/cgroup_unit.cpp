#include "daemon/core/cgroup_unit.hpp"

#include <algorithm>

namespace fob::core {
namespace {

// systemd's UNIT_NAME_MAX, with its terminator.
constexpr std::size_t k_max_unit_name = 255;
constexpr std::string_view k_user_manager = "user@";
constexpr std::string_view k_service = ".service";
constexpr std::string_view k_scope = ".scope";
constexpr std::string_view k_slice = ".slice";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_unit_character(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view(":-_.\\@").find(c) != std::string_view::npos;
}

// A unit's name with one of these endings, and something before it.
bool is_unit(std::string_view name, std::string_view ending) {
  return name.size() > ending.size() && name.size() <= k_max_unit_name && name.ends_with(ending) &&
         name.front() != '@' && std::all_of(name.begin(), name.end(), is_unit_character);
}

bool is_process_unit(std::string_view name) { return is_unit(name, k_service) || is_unit(name, k_scope); }

bool is_user_manager(std::string_view name) {
  if (!name.starts_with(k_user_manager) || !name.ends_with(k_service)) return false;
  const auto uid = name.substr(k_user_manager.size(), name.size() - k_user_manager.size() - k_service.size());
  return !uid.empty() && uid.size() <= 10 && std::all_of(uid.begin(), uid.end(), is_digit);
}

// Takes the first component off `path`. systemd puts a "_" before a name that the kernel would take for its
// own.
std::string_view take_component(std::string_view& path) {
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  const auto component = path.substr(0, path.find('/'));
  path.remove_prefix(component.size());
  return component.starts_with('_') ? component.substr(1) : component;
}

// The first component of `path` that is no slice, if it is a unit with processes; `path` is then what is
// below it.
std::optional<std::string_view> take_unit(std::string_view& path) {
  auto component = take_component(path);
  while (is_unit(component, k_slice)) component = take_component(path);
  if (!is_process_unit(component)) return std::nullopt;
  return component;
}

bool leads_outside(std::string_view path) {
  while (!path.empty())
    if (take_component(path) == "..") return true;
  return false;
}

// "N:CONTROLLERS:PATH", a line a hierarchy (cgroups(7)): the path of the one that systemd sorts processes in.
std::optional<std::string_view> path_of(std::string_view text) {
  std::optional<std::string_view> unified, named;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto first = line.find(':');
    const auto second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    if (line.starts_with("0::") && !unified) unified = line.substr(second + 1);
    if (controllers == "name=systemd" && !named) named = line.substr(second + 1);
  }
  // Where both are mounted, it is the one in which somebody has sorted at all.
  return named && (!unified || *unified == "/") ? named : unified;
}

}  // namespace

Result<std::string> unit_of_cgroup(std::string_view text) {
  if (text.size() > k_max_cgroup_text)
    return fail(ErrorCode::not_found, "what the kernel says of its control groups is too long");
  auto path = path_of(text);
  if (!path) return fail(ErrorCode::not_found, "the kernel names no control group that systemd would sort");
  if (leads_outside(*path))
    return fail(ErrorCode::not_found, "its control group is outside of what fobd can see");
  const auto unit = take_unit(*path);
  if (!unit) return fail(ErrorCode::not_found, "it belongs to no systemd unit");
  if (!is_user_manager(*unit)) return std::string(*unit);
  const auto of_user = take_unit(*path);
  return of_user ? std::string(*unit) + "/" + std::string(*of_user) : std::string(*unit);
}

std::optional<std::string> user_manager_of(std::string_view unit) {
  const auto manager = unit.substr(0, unit.find('/'));
  if (!is_user_manager(manager)) return std::nullopt;
  return std::string(manager);
}

Result<std::string> unit_of_grant(std::string_view written, const std::optional<std::string>& own_manager) {
  const auto slash = written.find('/');
  const auto name = slash == written.npos ? written : written.substr(slash + 1);
  if (slash != written.npos && !is_user_manager(written.substr(0, slash)))
    return fail(ErrorCode::config,
                "before a \"/\" stands the user's manager, as in \"user@1000.service/app.service\"");
  if (!is_process_unit(name))
    return fail(ErrorCode::config,
                "\"" + std::string(name.substr(0, k_max_unit_name)) +
                    "\" is no unit with processes: write \"NAME.service\" or \"NAME.scope\"");
  if (slash == written.npos && own_manager) return *own_manager + "/" + std::string(name);
  return std::string(written);
}

}  // namespace fob::core
