#include "daemon/cli/enrolment.hpp"

#include "daemon/cli/speech.hpp"

#include <variant>

namespace fob::cli {
namespace {

Result<std::optional<std::uint64_t>> version_in_force(store::CredentialStore& store,
                                                      const std::string& profile) {
  const auto current = store.load(profile, wire::Slot::current);
  if (current) return std::optional(current->version);
  if (current.error().code == ErrorCode::no_credential) return std::optional<std::uint64_t>();
  return current.error();
}

std::string named(std::uint64_t version) { return "version " + std::to_string(version); }

bool is_refusal(ErrorCode code) { return code == ErrorCode::rejected || code == ErrorCode::forbidden; }

// Codes that travel on the exchange line say that fobd has taken note, and what came of its exchange.
bool is_of_an_exchange(ErrorCode code) { return !traits(code).kind.empty(); }

Error not_told(const Error& error, const std::string& profile) {
  return fail(error.code, "the store is changed, but fobd did not take note: " + error.detail +
                              "; then run: fob refresh " + profile);
}

}  // namespace

Enrolment::Enrolment(EnrolmentWorld world, std::string profile)
    : world_(std::move(world)), profile_(std::move(profile)) {}

Result<void> Enrolment::begin(Purpose purpose) {
  const auto version = version_in_force(world_.store, profile_);
  if (!version) return version.error();
  replaced_ = *version;
  if (purpose == Purpose::rotate && !replaced_)
    return fail(
        ErrorCode::no_credential,
        profile_ + " has no credential to rotate yet; enrol its first one: fob credential add " + profile_);
  if (purpose == Purpose::add && replaced_)
    world_.say(profile_ + " already has a credential (" + named(*replaced_) +
               "); this one will replace it, as `fob credential rotate` does");
  return {};
}

Result<Enrolled> Enrolment::enrol(const store::Credential& credential, const EnrolmentTerms& terms) {
  const bool untried = terms.trial == Trial::none;
  const auto version = world_.store.stage(profile_, credential, {untried, terms.bundle_serial});
  if (!version) return version.error();
  Enrolled enrolled{*version, false, false};
  // Since begin(), while a person typed, another fob may have enrolled one. From here on none can, unless it
  // takes `next` from us, and then our commit fails.
  const auto in_force = version_in_force(world_.store, profile_);
  if (!in_force) return in_force.error();
  replaced_ = *in_force;
  if (untried && replaced_) return leave_staged(enrolled);
  if (untried) return put_in_force(enrolled, stored(*version) + ", without a trial as you asked");

  const auto report = pass_trial(enrolled, terms.trial);
  if (!report) return report.error();
  if (*report) return put_in_force(enrolled, **report);
  const auto again = world_.store.stage(profile_, credential, {true, terms.bundle_serial});
  if (!again) return again.error();
  return leave_staged({*again, false, false});
}

std::string Enrolment::stored(std::uint64_t version) const {
  return profile_ + ": stored as " + named(version);
}

Result<std::optional<std::string>> Enrolment::pass_trial(Enrolled& enrolled, Trial trial) {
  const auto answer = world_.try_staged(profile_);
  const auto* success = std::get_if<wire::ExchangeSuccess>(&answer);
  if (success != nullptr && success->credential_version == enrolled.version) {
    enrolled.tried = true;
    return std::optional(stored(enrolled.version) + "; the authority accepts it, with tokens for " +
                         in_words(std::chrono::duration_cast<std::chrono::seconds>(success->expires_in)));
  }
  const auto* failed = std::get_if<wire::ExchangeFailure>(&answer);
  const bool untestable = failed != nullptr && !is_refusal(failed->code);
  if (untestable && !replaced_)
    return std::optional("warning: " + stored(enrolled.version) +
                         ", but untested, since the trial failed: " + failed->detail);
  const auto discarded = world_.store.discard_staged(profile_, enrolled.version);
  if (!discarded) return discarded.error();
  if (*discarded && !replaced_) world_.nothing_is_stored(profile_);
  // Where ours is no longer staged, a failure too was that of another's credential.
  if (failed == nullptr || !*discarded) return store::another_rotation(profile_);
  if (untestable && trial == Trial::if_possible) {
    world_.say(profile_ + ": the credential could not be tried: " + failed->detail);
    return std::optional<std::string>();
  }
  if (!untestable)
    return fail(failed->code,
                failed->detail +
                    "; nothing was changed. Check the credential in the portal, or create a new one there");
  return fail(failed->code, "the credential could not be tried: " + failed->detail +
                                "; nothing was changed. Try again then, or store it untried with --no-trial");
}

Result<Enrolled> Enrolment::put_in_force(Enrolled enrolled, const std::string& report) {
  const auto proof = enrolled.tried ? store::Proof::accepted : store::Proof::none;
  if (auto committed = world_.store.commit(profile_, enrolled.version, proof); !committed)
    return committed.error();
  enrolled.in_force = true;
  world_.say(report);
  const auto announced = replaced_ ? renew_token(world_, profile_) : announce_first();
  if (!announced) return announced.error();
  return enrolled;
}

Result<Enrolled> Enrolment::leave_staged(Enrolled enrolled) {
  world_.say(profile_ + ": staged as " + named(enrolled.version) +
             ", untried; the first exchange that succeeds with it puts it in force");
  const auto told = world_.tell_fobd(profile_);
  if (!told && told.error().code == ErrorCode::daemon_not_running) {
    world_.say(told.error().detail);
    return enrolled;
  }
  if (!told && !is_of_an_exchange(told.error().code)) return not_told(told.error(), profile_);
  const auto in_force = version_in_force(world_.store, profile_);
  if (!in_force) return in_force.error();
  if (*in_force == enrolled.version) {
    world_.say(profile_ + ": a new token is in force");
    return Enrolled{enrolled.version, true, true};
  }
  if (!told && !is_refusal(told.error().code))
    return fail(told.error().code, "it stays staged, since fobd could not try it yet: " +
                                       told.error().detail + "; fobd goes on trying, see: fob status");
  if (told && !world_.staged_is_refused(profile_))
    return fail(ErrorCode::store,
                "it works, but could not be put in force, see fobd's log; do so by: fob credential promote " +
                    profile_);
  return fail(ErrorCode::rejected, "the authority does not accept it, see: fob status; " +
                                       (told ? named(*replaced_) + " stays in force" : told.error().detail));
}

Result<void> promote(const EnrolmentWorld& world, const std::string& profile) {
  const auto staged = world.store.staged(profile);
  if (!staged) return staged.error();
  if (auto committed = world.store.commit(profile, staged->version, store::Proof::none); !committed)
    return committed;
  world.say(profile + ": " + named(staged->version) + " is in force");
  return renew_token(world, profile);
}

Result<void> promote_if_untested(store::CredentialStore& store, const std::string& profile,
                                 std::uint64_t version) {
  const auto staged = store.staged(profile);
  if (staged && staged->version == version && !staged->origin.untested)
    return fail(ErrorCode::no_credential,
                profile + ": " + named(version) +
                    " is staged by a rotation with a trial of its own; it was left alone");
  if (!staged && staged.error().code != ErrorCode::no_credential) return staged.error();
  const auto in_force = version_in_force(store, profile);
  if (!in_force) return in_force.error();
  if (*in_force != version && (!staged || staged->version != version))
    return fail(ErrorCode::no_credential, profile + ": " + named(version) + " is not staged any more");
  return store.commit(profile, version, store::Proof::accepted);
}

Result<void> Enrolment::announce_first() const {
  const auto told = world_.tell_fobd(profile_);
  if (told) {
    world_.say(profile_ + ": a token is in force");
    return {};
  }
  const Error& error = told.error();
  if (error.code == ErrorCode::unknown_profile) {
    world_.say("fobd does not know the profile " + profile_ + " yet; run: fob reload");
  } else if (error.code == ErrorCode::daemon_not_running) {
    world_.say(error.detail);
  } else if (is_refusal(error.code)) {
    return fail(error.code, "it is stored, but refused: " + error.detail);
  } else if (is_of_an_exchange(error.code)) {
    world_.say("fobd has no token yet: " + error.detail + "; it goes on trying, see: fob status");
  } else {
    return not_told(error, profile_);
  }
  return {};
}

Result<void> renew_token(const EnrolmentWorld& world, const std::string& profile) {
  const auto told = world.tell_fobd(profile);
  if (told) {
    world.say(profile + ": a new token is in force");
    return {};
  }
  const Error& error = told.error();
  if (error.code == ErrorCode::daemon_not_running) {
    world.say(error.detail);
    return {};
  }
  if (!is_of_an_exchange(error.code)) return not_told(error, profile);
  return fail(error.code, "the credential is stored, but fobd has no token with it yet: " + error.detail +
                              "; it goes on trying, see `fob status`, or go back: fob credential rollback " +
                              profile);
}

Result<void> announce_removal(const EnrolmentWorld& world, const std::string& profile) {
  const auto told = world.tell_fobd(profile);
  if (told || is_of_an_exchange(told.error().code) || told.error().code == ErrorCode::unknown_profile)
    return {};
  if (told.error().code != ErrorCode::daemon_not_running)
    return fail(told.error().code, "it is removed, but fobd did not take note: " + told.error().detail +
                                       "; apps get the token at hand until that ends");
  world.say(told.error().detail);
  return {};
}

}  // namespace fob::cli
