// The seam behind which credentials are kept: three slots a profile, and the few steps of enrolment and
// rotation, each of them atomic: a crash at any instant leaves the state before or the state after (design.md
// §7).
#pragma once

#include "daemon/config/config.hpp"
#include "ipc/base/clock.hpp"
#include "ipc/base/result.hpp"
#include "ipc/base/secret_bytes.hpp"
#include "ipc/wire/limits.hpp"
#include "ipc/wire/names.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fob::store {

using wire::k_max_credential_value;

/// A client id and its secret, as they come from the vendor's portal.
struct Credential {
  std::string client_id;
  SecretBytes secret;
};

/// A credential in a slot. Versions count up from 1 within a profile and are never used again.
struct StoredCredential {
  Credential credential;
  std::uint64_t version = 0;
  WallTime stored_at{};  ///< by the clock of this device, which may not have been set then
};

/// How a credential came into its slot.
struct Origin {
  bool untested = false;            ///< no authority was seen to accept it
  std::uint64_t bundle_serial = 0;  ///< of the fleet bundle that brought it; 0: an operator did

  bool operator==(const Origin&) const = default;
};

/// What may be shown of a slot.
struct SlotSummary {
  std::string profile;
  wire::Slot slot = wire::Slot::current;
  std::uint64_t version = 0;
  std::string client_id_fingerprint;
  WallTime stored_at;
  Origin origin;
  config::StoreKind store = config::StoreKind::file;
};

/// What list() found: a profile that is damaged hides no other.
struct Listing {
  std::vector<SlotSummary> slots;  ///< by profile and slot
  std::vector<Error> unreadable;   ///< what could not be read; each detail names the file and the mend
  std::vector<std::string> notes;  ///< what else a person should know
};

/// The record of the device's own keys for fleet bundles, which is kept like a profile's. No profile may have
/// this name.
using config::k_device_identity;

/// The command that enrols anew over what cannot be used, for the end of a message. `flag` is remove's, with
/// a blank before it, or nothing.
inline std::string enrol_again(const std::string& profile, std::string_view flag = "") {
  const bool is_device = profile == k_device_identity;
  return "fob credential remove " + profile + std::string(flag) + " && " +
         (is_device ? "fob fleet enrol" : "fob credential add " + profile);
}

/// How a rotation ends whose staged credential gave way to another's.
inline Error another_rotation(const std::string& profile) {
  return fail(ErrorCode::store,
              "another rotation of " + profile + " is under way; nothing was changed, try again");
}

/// What waits in `next`.
struct StagedCredential {
  std::uint64_t version = 0;
  Origin origin;
};

/// What a profile knows of fleet bundles.
struct BundleStanding {
  std::uint64_t highest = 0;       ///< the highest serial it has taken; 0: none
  std::optional<wire::Slot> slot;  ///< where the credential of the bundle in question is now
  std::uint64_t version = 0;       ///< that credential's
  bool on_trial = false;  ///< it is in `next`, and nothing puts it in force but a trial that was cut off
  bool accepted = false;  ///< it is or was in force, and an authority was seen to accept it
};

/// What is known of a credential that is put in force.
enum class Proof : std::uint8_t {
  accepted,  ///< an authority has given a token for it
  none       ///< nothing: it could not be tried, or nobody asked for that
};

/// What to do with a record that is there but cannot be read now.
enum class Unread : std::uint8_t { keep, forget };

/// How migrate() ended.
enum class Move : std::uint8_t {
  moved,
  moved_copy_stays,  ///< but the old copy could not be deleted yet; list() names it
  was_there,         ///< already in that store
};

/// One thread at a time; several processes may use the same store. No lock is held from stage() to commit(),
/// so both commit() and discard_staged() say which version they mean, and touch no other. Errors:
/// no_credential (the slot is empty), store_locked (there, but cannot be read now; the detail names the
/// mend), store_damaged (there, and no record), store (a write failed; nothing changed).
class CredentialStore {
 public:
  virtual ~CredentialStore() = default;

  virtual Result<StoredCredential> load(const std::string& profile, wire::Slot slot) = 0;
  /// Puts a credential into `next`, replacing what was staged there; returns its version.
  virtual Result<std::uint64_t> stage(const std::string& profile, const Credential& credential,
                                      const Origin& origin) = 0;
  /// `next` becomes `current`, `current` becomes `previous`, in one step. Fine where `current` is `version`
  /// already: fobd may have promoted it meanwhile. Fails with another_rotation() where neither is.
  virtual Result<void> commit(const std::string& profile, std::uint64_t version, Proof proof) = 0;
  /// Forgets `next` where it is `version`; whether it was. Fine if it is another, or empty.
  virtual Result<bool> discard_staged(const std::string& profile, std::uint64_t version) = 0;
  /// `previous` and `current` change places, and an untested `next` is forgotten. Fails with no_credential
  /// without a `previous`.
  virtual Result<void> roll_back(const std::string& profile) = 0;
  /// Forgets every slot of the profile, also of one that is damaged. One that cannot be read now is forgotten
  /// only if `unread` says so; where its store cannot even be reached, a copy may stay there, which list()
  /// names. Fails with no_credential if there was none.
  virtual Result<void> remove(const std::string& profile, Unread unread) = 0;
  /// Every slot of every profile. What cannot be read is part of the answer.
  virtual Result<Listing> list() = 0;

  /// Which store the profile's credentials are in; nothing where it has none.
  virtual Result<std::optional<config::StoreKind>> whereabouts(const std::string& profile) = 0;
  /// What is staged. Fails with no_credential where nothing is.
  virtual Result<StagedCredential> staged(const std::string& profile) = 0;
  /// The highest serial of a fleet bundle that the profile has taken, and what became of the bundle `serial`.
  virtual Result<BundleStanding> bundle_standing(const std::string& profile, std::uint64_t serial) = 0;
  /// Moves the profile to another store: copies, reads the copy back and compares, says where it is from now
  /// on, and deletes the old one. A crash leaves it whole in one of the two, and the other copy, if any, is
  /// deleted by the next step on the profile. Fails with no_credential, with config where there is no such
  /// store, and as load() and stage() do.
  virtual Result<Move> migrate(const std::string& profile, config::StoreKind to) = 0;
};

}  // namespace fob::store
