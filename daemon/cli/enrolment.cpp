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

Error not_told(const Error& error) {
  return fail(error.code,
              "the store is changed, but fobd did not take note: " + error.detail + "; then run: fob reload");
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

Result<void> Enrolment::enrol(const store::Credential& credential, bool with_trial) {
  const auto version = world_.store.stage(profile_, credential);
  if (!version) return version.error();
  // Since begin(), while a person typed, another fob may have enrolled one. From here on none can, unless it
  // takes `next` from us, and then our commit fails.
  const auto in_force = version_in_force(world_.store, profile_);
  if (!in_force) return in_force.error();
  replaced_ = *in_force;
  const std::string stored = profile_ + ": stored as " + named(*version);
  std::string report = stored + ", without a trial as you asked";
  if (with_trial) {
    const auto passed = pass_trial(*version, stored);
    if (!passed) return passed.error();
    report = *passed;
  }
  if (auto committed = world_.store.commit(profile_, *version); !committed) return committed;
  world_.say(report);
  return replaced_ ? renew_token(world_, profile_) : announce_first();
}

Result<std::string> Enrolment::pass_trial(std::uint64_t version, const std::string& stored) {
  const auto answer = world_.try_staged(profile_);
  const auto* success = std::get_if<wire::ExchangeSuccess>(&answer);
  if (success != nullptr && success->credential_version == version)
    return stored + "; the authority accepts it, with tokens for " +
           in_words(std::chrono::duration_cast<std::chrono::seconds>(success->expires_in));
  const auto* failed = std::get_if<wire::ExchangeFailure>(&answer);
  if (failed != nullptr && !replaced_ && !is_refusal(failed->code))
    return "warning: " + stored + ", but untested, since the trial failed: " + failed->detail;
  const auto discarded = world_.store.discard_staged(profile_, version);
  if (!discarded) return discarded.error();
  // Where ours is no longer staged, a failure too was that of another's credential.
  if (failed == nullptr || !*discarded) return store::another_rotation(profile_);
  const auto& failure = *failed;
  if (is_refusal(failure.code))
    return fail(failure.code,
                failure.detail +
                    "; nothing was changed. Check the credential in the portal, or create a new one there");
  return fail(failure.code, "the credential could not be tried: " + failure.detail +
                                "; nothing was changed. Try again then, or store it untried with --no-trial");
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
  } else if (is_of_an_exchange(error.code)) {
    world_.say("fobd has no token yet: " + error.detail + "; it goes on trying, see: fob status");
  } else {
    return not_told(error);
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
  if (!is_of_an_exchange(error.code)) return not_told(error);
  return fail(error.code, "the credential is stored, but fobd has no token with it yet: " + error.detail +
                              "; it goes on trying, see `fob status`, or go back: fob credential rollback " +
                              profile);
}

Result<void> announce_removal(const EnrolmentWorld& world, const std::string& profile) {
  const auto told = world.tell_fobd(profile);
  if (told || is_of_an_exchange(told.error().code) || told.error().code == ErrorCode::unknown_profile)
    return {};
  if (told.error().code != ErrorCode::daemon_not_running) return not_told(told.error());
  world.say(told.error().detail);
  return {};
}

}  // namespace fob::cli
