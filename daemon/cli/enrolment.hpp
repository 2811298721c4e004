// The steps of enrolling and rotating a credential (design.md §7): stage, try, commit, tell fobd. Whatever
// goes wrong, a credential that worked stays in force; and a first one is not thrown away for want of a
// network, since the portal shows a secret only once.
#pragma once

#include "daemon/store/credential_store.hpp"
#include "ipc/wire/exchange_line.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace fob::cli {

/// What the steps need of the world.
struct EnrolmentWorld {
  store::CredentialStore& store;
  std::function<wire::ExchangeAnswer(const std::string& profile)> try_staged;
  /// Tells fobd that the credential changed, and waits: a new token is in force, or why there is none.
  std::function<Result<void>(const std::string& profile)> tell_fobd;
  std::function<void(const std::string& message)> say;
  /// Whether fobd has a token that this version of the credential brought.
  std::function<bool(const std::string& profile, std::uint64_t version)> is_accepted;
  /// Whether fobd says that the authority refused what is staged.
  std::function<bool(const std::string& profile)> staged_is_refused;
  /// Called where a trial has left the profile without any credential, as it was before.
  std::function<void(const std::string& profile)> nothing_is_stored = [](const std::string&) {};
};

enum class Purpose { add, rotate, fleet };

/// What happens before a credential is in force.
enum class Trial {
  required,     ///< it must succeed where a credential would be replaced
  if_possible,  ///< the authority's refusal counts; where it cannot be asked, the first exchange is the trial
  none          ///< the first exchange is the trial
};

struct EnrolmentTerms {
  Trial trial = Trial::required;
  std::uint64_t bundle_serial = 0;  ///< of the fleet bundle that brings the credential; 0: none does
};

/// How an enrolment ended.
struct Enrolled {
  std::uint64_t version = 0;
  bool tried = false;     ///< an authority has accepted it
  bool in_force = false;  ///< else it is staged: its first success promotes it, a refusal leaves all as it is
};

class Enrolment {
 public:
  Enrolment(EnrolmentWorld world, std::string profile);

  /// To be called before anyone is asked for a secret: is there something to rotate? Fails with
  /// no_credential if not; says so where an `add` will replace what is there.
  Result<void> begin(Purpose purpose);

  /// Stages, tries and commits, as the terms say, then tells fobd. A credential that is refused fails with
  /// rejected or forbidden and changes nothing. One that cannot be tried fails likewise if its trial is
  /// required and it would replace another; a first one is kept, with a warning. Where another rotation of
  /// the profile comes between, fails with another_rotation().
  /// Succeeds once the credential is stored and, where it replaced one and fobd runs, a new token is in
  /// force. Where fobd cannot try it yet, it is stored all the same, as the detail says.
  Result<Enrolled> enrol(const store::Credential& credential, const EnrolmentTerms& terms);

 private:
  std::string stored(std::uint64_t version) const;
  /// Tries what is staged; what to say of it once it is committed. Nothing: it could not be tried,
  /// and may be left staged instead. On failure nothing is staged any more, unless by another.
  Result<std::optional<std::string>> pass_trial(Enrolled& enrolled, Trial trial);
  Result<Enrolled> put_in_force(Enrolled enrolled, const std::string& report);
  /// Leaves it to the first exchange, and waits for that where fobd runs.
  Result<Enrolled> leave_staged(Enrolled enrolled);
  /// Tells fobd of a profile's first credential. Fails where it could not be told, or the authority refuses
  /// the credential; else it is stored, and fobd goes on trying by itself.
  Result<void> announce_first() const;

  EnrolmentWorld world_;
  std::string profile_;
  std::optional<std::uint64_t> replaced_;  ///< the version in force before; nothing at a first enrolment
};

/// Puts what is staged in force, tried or not, and waits for a token with it. Fails with no_credential where
/// nothing is staged.
Result<void> promote(const EnrolmentWorld& world, const std::string& profile);

/// The same for fobd, which has just got a token with version `version`: fails with no_credential where that
/// is not staged, or by a rotation that has its own trial. Fine where it is in force already.
Result<void> promote_if_untested(store::CredentialStore& store, const std::string& profile,
                                 std::uint64_t version);

/// Tells fobd of a credential that replaced another. Success if a new token is in force, or if fobd does not
/// run, which is said; otherwise why there is none yet.
Result<void> renew_token(const EnrolmentWorld& world, const std::string& profile);

/// Tells fobd that the profile's credentials are gone. Fails only where it could not be told.
Result<void> announce_removal(const EnrolmentWorld& world, const std::string& profile);

}  // namespace fob::cli
