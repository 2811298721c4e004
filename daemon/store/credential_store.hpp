// The seam behind which credentials are kept: three slots a profile, and the few steps of enrolment and
// rotation, each of them atomic: a crash at any instant leaves the state before or the state after (design.md
// §7).
#pragma once

#include "ipc/base/clock.hpp"
#include "ipc/base/result.hpp"
#include "ipc/base/secret_bytes.hpp"
#include "ipc/wire/names.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace fob::store {

/// A client id and its secret, as they come from the vendor's portal.
struct Credential {
  std::string client_id;
  SecretBytes secret;
};

/// A credential in a slot. Versions count up from 1 within a profile and are never used again.
struct StoredCredential {
  Credential credential;
  std::uint64_t version = 0;
};

/// What may be shown of a slot.
struct SlotSummary {
  std::string profile;
  wire::Slot slot = wire::Slot::current;
  std::uint64_t version = 0;
  std::string client_id_fingerprint;
  WallTime stored_at;
};

/// What list() found: a profile that is damaged hides no other.
struct Listing {
  std::vector<SlotSummary> slots;  ///< by profile and slot
  std::vector<Error> unreadable;   ///< what could not be read; each detail names the file and the mend
};

/// How a rotation ends whose staged credential gave way to another's.
inline Error another_rotation(const std::string& profile) {
  return fail(ErrorCode::store,
              "another rotation of " + profile + " is under way; nothing was changed, try again");
}

/// One thread at a time; several processes may use the same store. No lock is held from stage() to commit(),
/// so both commit() and discard_staged() say which version they mean, and touch no other. Errors:
/// no_credential (the slot is empty), store_locked (there, but cannot be read now; the detail names the
/// mend), store (a write failed; nothing changed).
class CredentialStore {
 public:
  virtual ~CredentialStore() = default;

  virtual Result<StoredCredential> load(const std::string& profile, wire::Slot slot) = 0;
  /// Puts a credential into `next`, replacing what was staged there; returns its version.
  virtual Result<std::uint64_t> stage(const std::string& profile, const Credential& credential) = 0;
  /// `next` becomes `current`, `current` becomes `previous`, in one step. Fails with another_rotation() where
  /// `next` is not `version` (any more).
  virtual Result<void> commit(const std::string& profile, std::uint64_t version) = 0;
  /// Forgets `next` where it is `version`; whether it was. Fine if it is another, or empty.
  virtual Result<bool> discard_staged(const std::string& profile, std::uint64_t version) = 0;
  /// `previous` and `current` change places. Fails with no_credential without a `previous`.
  virtual Result<void> roll_back(const std::string& profile) = 0;
  /// Forgets every slot of the profile. Fails with no_credential if there was none.
  virtual Result<void> remove(const std::string& profile) = 0;
  /// Every slot of every profile. Fails only where not even the profiles can be seen.
  virtual Result<Listing> list() = 0;
};

}  // namespace fob::store
