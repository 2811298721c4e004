#include "daemon/cli/bundle_application.hpp"

#include "daemon/fleet/bundle_reader.hpp"

namespace fob::cli {
namespace {

using fleet::Outcome;
using fleet::Receipt;

fleet::Time now(const Device& device) {
  return std::chrono::floor<std::chrono::seconds>(device.clock.wall_now());
}

Receipt begin_receipt(const std::string& name, const Device& device) {
  Receipt receipt;
  receipt.device = device.identity.id;
  receipt.time = now(device);
  receipt.bundle = name;
  return receipt;
}

void refuse(Receipt& receipt, const fleet::Refusal& refusal) {
  receipt.outcome = Outcome::refused;
  receipt.reason = fleet::traits(refusal.reason).word;
  receipt.detail = explain(refusal);
}

void fail_with(Receipt& receipt, const Error& error) {
  const bool by_authority = error.code == ErrorCode::rejected || error.code == ErrorCode::forbidden;
  receipt.outcome = by_authority ? Outcome::rejected : Outcome::failed;
  receipt.reason = by_authority                                  ? "credential-rejected"
                   : error.code == ErrorCode::store_locked       ? "store-locked"
                   : error.code == ErrorCode::config             ? "config"
                   : traits(error.code).exit_status == 8         ? "store"
                   : error.code == ErrorCode::daemon_not_running ? "no-daemon"
                                                                 : "no-token";
  receipt.detail = error.detail;
}

bool is_applied(const store::BundleStanding& standing, const Receipt& receipt, const EnrolmentWorld& world) {
  return standing.accepted ||
         (standing.slot == wire::Slot::current && world.is_accepted(receipt.profile, standing.version));
}

// Says of a bundle that was taken where its credential is. False: it was not taken.
bool tell_of_taken(Receipt& receipt, const EnrolmentWorld& world) {
  const auto standing = world.store.bundle_standing(receipt.profile, receipt.serial);
  if (!standing || !standing->slot || standing->on_trial) return false;
  receipt.version = standing->version;
  receipt.outcome = is_applied(*standing, receipt, world) ? Outcome::applied : Outcome::staged;
  receipt.reason = "";
  return true;
}

void enrol(Receipt& receipt, fleet::OpenedBundle& opened, const Device& device) {
  Enrolment enrolment(device.world, receipt.profile);
  if (auto begun = enrolment.begin(Purpose::fleet); !begun) return fail_with(receipt, begun.error());
  const store::Credential credential{std::move(opened.client_id), std::move(opened.client_secret)};
  const auto enrolled = enrolment.enrol(credential, {Trial::if_possible, receipt.serial});
  if (!enrolled) {
    fail_with(receipt, enrolled.error());
    // After the credential was taken, an error is none of the bundle's: fobd goes on by itself.
    if (receipt.outcome != Outcome::rejected) tell_of_taken(receipt, device.world);
    return;
  }
  receipt.version = enrolled->version;
  receipt.outcome = enrolled->tried ? Outcome::applied : Outcome::staged;
  if (!enrolled->tried) receipt.detail = "the authority could not be asked; the first exchange is the trial";
}

}  // namespace

Receipt refusal_receipt(const fleet::Refusal& refusal, const std::string& name, const Device& device) {
  Receipt receipt = begin_receipt(name, device);
  refuse(receipt, refusal);
  return receipt;
}

std::optional<Receipt> follow_up(const Receipt& staged, const EnrolmentWorld& world, const Clock& clock) {
  const auto standing = world.store.bundle_standing(staged.profile, staged.serial);
  if (!standing) return std::nullopt;
  Receipt receipt = staged;
  receipt.time = std::chrono::floor<std::chrono::seconds>(clock.wall_now());
  if (is_applied(*standing, staged, world)) {
    receipt.outcome = Outcome::applied;
    receipt.detail =
        standing->slot == wire::Slot::current ? "" : "another credential has taken its place since";
    return receipt;
  }
  if (standing->slot == wire::Slot::next || standing->slot == wire::Slot::current) return std::nullopt;
  receipt.outcome = Outcome::failed;
  receipt.reason = "replaced";
  receipt.detail = "it was taken out of its place before an authority was seen to accept it";
  return receipt;
}

Application apply_bundle(const fleet::BundleSource& bundle, const std::string& name, const Device& device) {
  Receipt receipt = begin_receipt(name, device);
  auto opened = fleet::open_bundle(bundle, device.signers, device.identity);
  if (!opened) {
    // What the header claims, to know the bundle by. It counts for nothing else.
    if (const auto claimed = fleet::read_bundle_header(bundle)) {
      receipt.profile = claimed->profile;
      receipt.serial = claimed->serial;
    }
    refuse(receipt, opened.error());
    return {receipt, std::nullopt};
  }
  receipt.profile = opened->header.profile;
  receipt.serial = opened->header.serial;
  const auto taken = device.world.store.bundle_standing(receipt.profile, receipt.serial);
  if (!taken) {
    fail_with(receipt, taken.error());
    return {receipt, std::nullopt};
  }
  const fleet::Standing standing{now(device), taken->highest, device.has_profile(receipt.profile)};
  const fleet::Verdict verdict = fleet::judge(opened->header, opened->wave, standing);
  if (verdict.kind == fleet::Verdict::Kind::refuse) {
    refuse(receipt, {verdict.reason, ""});
    // It was taken and the power failed before the receipt: then this is the receipt.
    const bool untold = verdict.reason == fleet::Reason::replayed && !device.was_told(receipt);
    if (untold && tell_of_taken(receipt, device.world)) receipt.detail = "";
    return {receipt, std::nullopt};
  }
  if (verdict.kind == fleet::Verdict::Kind::wait) {
    refuse(receipt, {verdict.reason, "from " + fleet::to_text(verdict.until)});
    receipt.outcome = Outcome::waiting;
    return {receipt, verdict.until};
  }
  enrol(receipt, *opened, device);
  return {receipt, std::nullopt};
}

}  // namespace fob::cli
