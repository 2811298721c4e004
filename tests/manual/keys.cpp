#include "tests/manual/keys.hpp"

#include "daemon/config/options.hpp"

#include <stdexcept>

namespace fob::manual {
namespace {

template <class T>
std::vector<Key> keys_in(std::span<const config::Option<T>> options) {
  std::vector<Key> keys;
  for (const auto& option : options)
    keys.push_back({std::string(option.key), std::string(option.form), std::string(option.default_value),
                    std::string(option.meaning)});
  return keys;
}

}  // namespace

std::string Key::default_in_code() const {
  const bool is_prose = default_value.find(' ') != std::string::npos;
  return is_prose || default_value.empty() ? default_value : "`" + default_value + "`";
}

std::vector<Key> keys_of(std::string_view table) {
  if (table == "daemon") return keys_in(config::daemon_options());
  if (table == "fleet") return keys_in(config::fleet_options());
  if (table == "profile") return keys_in(config::profile_options());
  if (table == "grant") return keys_in(config::grant_options());
  if (table == "gateway") return keys_in(config::gateway_options());
  throw std::runtime_error("fob.toml has no table " + std::string(table));
}

}  // namespace fob::manual
