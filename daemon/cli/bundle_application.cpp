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
                   : traits(error.code).exit_status == 8         ? "store"
                   : error.code == ErrorCode::daemon_not_running ? "no-daemon"
                                                                 : "no-token";
  receipt.detail = error.detail;
}

// An error after the credential was taken is not one of the bundle's: it is in force, or staged, and fobd
// goes on by itself.
void judge_error(Receipt& receipt, const Error& error, store::CredentialStore& store) {
  fail_with(receipt, error);
  const auto taken = store.bundle_serial(receipt.profile);
  if (!taken || *taken < receipt.serial) return;
  const auto staged = store.staged(receipt.profile);
  const bool still_staged = staged && staged->origin.bundle_serial == receipt.serial;
  if (still_staged && receipt.outcome == Outcome::rejected) return;
  receipt.outcome = still_staged ? Outcome::staged : Outcome::applied;
  receipt.reason = "";
}

void enrol(Receipt& receipt, fleet::OpenedBundle& opened, const Device& device) {
  Enrolment enrolment(device.world, receipt.profile);
  if (auto begun = enrolment.begin(Purpose::fleet); !begun) return fail_with(receipt, begun.error());
  const store::Credential credential{std::move(opened.client_id), std::move(opened.client_secret)};
  const auto enrolled = enrolment.enrol(credential, {Trial::if_possible, receipt.serial});
  if (!enrolled) return judge_error(receipt, enrolled.error(), device.world.store);
  receipt.version = enrolled->version;
  receipt.outcome = enrolled->in_force && enrolled->tried ? Outcome::applied : Outcome::staged;
  if (receipt.outcome == Outcome::staged)
    receipt.detail = "the authority could not be asked; its first success puts it in force";
}

}  // namespace

Receipt refusal_receipt(const fleet::Refusal& refusal, const std::string& name, const Device& device) {
  Receipt receipt = begin_receipt(name, device);
  refuse(receipt, refusal);
  return receipt;
}

Application apply_bundle(const fleet::BundleSource& bundle, const std::string& name, const Device& device) {
  Receipt receipt = begin_receipt(name, device);
  // What the header claims, to know the bundle by; it counts for nothing yet.
  if (const auto claimed = fleet::read_bundle_header(bundle)) {
    receipt.profile = claimed->profile;
    receipt.serial = claimed->serial;
  }
  auto opened = fleet::open_bundle(bundle, device.signers, device.identity);
  if (!opened) {
    refuse(receipt, opened.error());
    return {receipt, std::nullopt};
  }
  fleet::Standing standing{now(device), 0, device.has_profile(receipt.profile)};
  if (const auto serial = device.world.store.bundle_serial(receipt.profile)) {
    standing.last_serial = *serial;
  } else {
    fail_with(receipt, serial.error());
    return {receipt, std::nullopt};
  }
  const fleet::Verdict verdict = fleet::judge(opened->header, opened->wave, standing);
  if (verdict.kind == fleet::Verdict::Kind::refuse) {
    refuse(receipt, {verdict.reason, ""});
  } else if (verdict.kind == fleet::Verdict::Kind::wait) {
    refuse(receipt, {verdict.reason, "from " + fleet::to_text(verdict.until)});
    receipt.outcome = Outcome::waiting;
    return {receipt, verdict.until};
  } else {
    enrol(receipt, *opened, device);
  }
  return {receipt, std::nullopt};
}

}  // namespace fob::cli
