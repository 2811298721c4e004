// The keys of fob.toml from the option table, whichever table of the file they stand in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fob::manual {

struct Key {
  std::string key, form, default_value, meaning;

  /// The default in `` where it is one that the file could have, else as it is.
  std::string default_in_code() const;
};

/// Throws where there is no such table: daemon, fleet, profile, grant, gateway.
std::vector<Key> keys_of(std::string_view table);

}  // namespace fob::manual
