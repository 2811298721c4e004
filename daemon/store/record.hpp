// What is kept of a profile, and the seam behind which it is kept. A record holds all three slots, and every
// step of enrolment and rotation is a new record in the place of the old one. So all that a store has to be
// able to do is to replace one small document in one step: a file by rename(2), a keyring's item, a blob that
// systemd encrypts.
#pragma once

#include "daemon/config/config.hpp"
#include "daemon/store/credential_store.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fob::store {

/// A credential in its slot.
struct KeptCredential {
  Credential credential;
  std::uint64_t version = 0;
  WallTime stored_at;
  Origin origin;
};

struct Record {
  std::uint64_t counter = 0;        ///< the highest version ever given out
  std::uint64_t bundle_serial = 0;  ///< the highest serial of a fleet bundle that was taken; 0: none was
  std::map<wire::Slot, KeptCredential> slots;
  /// The untested one that was in `next` when one with a trial took its place: it comes back if that fails.
  std::optional<KeptCredential> set_aside{};
};

/// Where the records are. One thread; several processes may use the same store at once: writers hold the lock
/// of DeviceStore, readers hold none and see the record before a write or the one after it. Names are profile
/// names. Errors: store_locked (it is there, or may be, but cannot be read now), store_damaged (it is there
/// and will never be read again, as far as can be told), store (a write failed, and nothing changed, unless
/// the detail says that it is not known). Each detail says what is wrong, where, and what to do next; none
/// holds a secret.
class RecordStore {
 public:
  virtual ~RecordStore() = default;

  virtual config::StoreKind kind() const = 0;
  /// Whether whoever started this process handed it the profile's record, so that no other place is asked.
  virtual bool is_handed(const std::string& /*profile*/) const { return false; }
  /// Nothing: the profile has no record here.
  virtual Result<std::optional<Record>> read(const std::string& profile) = 0;
  /// Puts `record` in the place of the profile's record, if any, in one step that a crash cannot halve.
  /// On return it will survive a power cut, as far as the store itself can promise that.
  virtual Result<void> replace(const std::string& profile, const Record& record) = 0;
  /// Deletes the profile's record, also one that cannot be read. Fine if there is none.
  virtual Result<void> erase(const std::string& profile) = 0;
  /// The profiles that have a record here, sorted; also those whose record cannot be read.
  virtual Result<std::vector<std::string>> profiles() = 0;
};

}  // namespace fob::store
