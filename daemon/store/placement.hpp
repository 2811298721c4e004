// Which store each profile's record is in: STATE/vault/placement.json. It is written when a profile gets its
// first credential, so that a store which is better but came later (a keyring was installed), or another word
// in fob.toml, makes no credential invisible. It is also the journal of a move from one store to another: of
// two copies it says which one counts, and which is yet to be deleted. It holds no secret.
//
//   {"fob_placement":1,"profiles":{"prod-query":{"store":"secret-service","leftover":"file",
//                                                "version":3,"bundle_serial":7}}}
#pragma once

#include "daemon/config/config.hpp"
#include "ipc/base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace fob::store {

/// A store in a message.
inline std::string store_named(config::StoreKind kind) {
  return "the store \"" + std::string(to_string(kind)) + "\"";
}

struct Place {
  config::StoreKind store = config::StoreKind::file;
  std::optional<config::StoreKind> leftover;  ///< where a copy may be that does not count
  // What the record's counters were at least, so that they go on from there where the record is lost.
  std::uint64_t version = 0;
  std::uint64_t bundle_serial = 0;

  bool operator==(const Place&) const = default;
};

using Placement = std::map<std::string, Place>;

/// What `vault` holds; empty where there is none yet. Fails with store_locked.
Result<Placement> read_placement(const std::filesystem::path& vault);
/// Replaces it in one step. The caller holds the writers' lock. Fails with store.
Result<void> write_placement(const std::filesystem::path& vault, const Placement& placement);

/// The file's content. Fails with store_locked; the detail is the reason alone. Pure.
Result<Placement> decode_placement(std::string_view text);
std::string encode_placement(const Placement& placement);

}  // namespace fob::store
