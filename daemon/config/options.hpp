// The one option table: each key of fob.toml with its type, its default, its meaning, how it is taken and how
// it is shown. A new option is one new row; loading, `fob config show` and the reference follow from it.
#pragma once

#include "daemon/config/config.hpp"

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace fob::config {

/// What a key may hold in the file.
using Value = std::variant<std::string, std::vector<std::string>, bool>;

enum class Type : std::uint8_t { text, list, boolean };

/// A key of the table `T` is filled from: Daemon, Fleet, Profile, Grant or Gateway.
template <class T>
struct Option {
  std::string_view key;
  Type type;
  std::string_view form;           ///< for people: what to write
  std::string_view default_value;  ///< for people; a text as the file would have it; "" where there is none
  std::string_view meaning;        ///< its first sentence says it; what follows is for the reference
  /// Takes the value; on failure the detail says what is wrong with it, without file, line and key.
  Result<void> (*take)(T& target, const Value& value);
  /// The value in force; "" or an empty list where there is none.
  Value (*shown)(const T& target);
};

std::span<const Option<Daemon>> daemon_options();
std::span<const Option<Fleet>> fleet_options();
std::span<const Option<Profile>> profile_options();
std::span<const Option<Grant>> grant_options();
std::span<const Option<Gateway>> gateway_options();

/// The multiset authority's production endpoint, the default of profiles that name no other.
inline constexpr std::string_view k_multiset_endpoint = "https://api.multiset.ai/v1/m2m/token";

}  // namespace fob::config
