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
};

enum class Purpose { add, rotate };

class Enrolment {
 public:
  Enrolment(EnrolmentWorld world, std::string profile);

  /// To be called before anyone is asked for a secret: is there something to rotate? Fails with
  /// no_credential if not; says so where an `add` will replace what is there.
  Result<void> begin(Purpose purpose);

  /// Stages, tries (unless `with_trial` is false), commits and tells fobd. A credential that is refused fails
  /// with rejected or forbidden and changes nothing. One that cannot be tried fails likewise if it would
  /// replace another; a first one is kept, with a warning.
  /// Where another rotation of the profile comes between, fails with another_rotation().
  /// Succeeds once the credential is stored and, where it replaced one and fobd runs, a new token is in
  /// force.
  Result<void> enrol(const store::Credential& credential, bool with_trial);

 private:
  /// Tries what is staged; returns what to say once it is committed, which begins with `stored`. On failure
  /// nothing is staged any more, unless by another rotation.
  Result<std::string> pass_trial(std::uint64_t version, const std::string& stored);
  /// Tells fobd of a profile's first credential. Fails only where it could not be told: the credential is
  /// stored, and fobd goes on trying by itself.
  Result<void> announce_first() const;

  EnrolmentWorld world_;
  std::string profile_;
  std::optional<std::uint64_t> replaced_;  ///< the version in force before; nothing at a first enrolment
};

/// Tells fobd of a credential that replaced another. Success if a new token is in force, or if fobd does not
/// run, which is said; otherwise why there is none yet.
Result<void> renew_token(const EnrolmentWorld& world, const std::string& profile);

/// Tells fobd that the profile's credentials are gone. Fails only where it could not be told.
Result<void> announce_removal(const EnrolmentWorld& world, const std::string& profile);

}  // namespace fob::cli
