#include "daemon/cli/fleet_device.hpp"

#include "daemon/cli/device_identity.hpp"
#include "daemon/cli/inbox.hpp"
#include "daemon/cli/opened_store.hpp"
#include "daemon/cli/speech.hpp"
#include "daemon/fleet/enrol_line.hpp"

#include <algorithm>
#include <unistd.h>

namespace fob::cli {
namespace {

using fleet::Outcome;

Result<std::vector<fleet::PublicKey>> trusted_signers(const config::Config& config,
                                                      const ApplyOptions& options) {
  std::vector<std::string> texts = config.fleet.signers;
  texts.insert(texts.end(), options.signers.begin(), options.signers.end());
  std::vector<fleet::PublicKey> keys;
  for (const auto& text : texts) {
    const auto key = fleet::public_key_from(text);
    if (!key) return fail(ErrorCode::usage, "a signer is a public key as `fob fleet keygen` prints it");
    keys.push_back(*key);
  }
  if (keys.empty())
    return fail(ErrorCode::config,
                "this device trusts no operator yet; put the public key that `fob fleet keygen` printed into "
                "fob.toml: "
                "[fleet] signers = [\"…\"]");
  return keys;
}

int status_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::applied:
    case Outcome::staged:
    case Outcome::waiting:
      return 0;
    case Outcome::rejected:
      return traits(ErrorCode::rejected).exit_status;
    case Outcome::failed:
      return traits(ErrorCode::store).exit_status;
    case Outcome::refused:
      return traits(ErrorCode::internal).exit_status;
  }
  return traits(ErrorCode::internal).exit_status;
}

int status_of(const std::vector<fleet::Receipt>& receipts) {
  int status = 0;
  for (const auto& receipt : receipts) status = std::max(status, status_of(receipt.outcome));
  return status;
}

Application apply_file(const std::filesystem::path& path, const Device& device) {
  const std::string name = path.filename().string();
  const auto file = fleet::BundleFile::open(path);
  if (!file) return {refusal_receipt(file.error(), name, device), std::nullopt};
  return apply_bundle(*file, name, device);
}

}  // namespace

Result<int> fleet_enrol(const std::optional<std::string>& id, const Context& context) {
  const auto opened = open_configured_store(context);
  if (!opened) return opened.error();
  const auto identity = device_identity_or_new(*opened->store, id);
  if (!identity) return identity.error();
  const auto line =
      fleet::encode_enrol_line(*identity, std::chrono::floor<std::chrono::seconds>(context.clock.wall_now()));
  if (auto printed = print(line + "\n"); !printed) return printed.error();
  return 0;
}

Result<int> fleet_apply(const ApplyOptions& options, const Context& context) {
  const auto opened = open_configured_store(context);
  if (!opened) return opened.error();
  auto signers = trusted_signers(opened->config, options);
  if (!signers) return signers.error();
  const auto identity = device_identity(*opened->store);
  if (!identity) return identity.error();
  const Device device{
      world_of(*opened->store, context), *identity, std::move(*signers),
      [&opened](const std::string& profile) { return opened->config.find(profile) != nullptr; },
      context.clock};
  const auto fleet_directory = context.locations().state_dir / "fleet";
  Inbox inbox(
      opened->config.fleet.inbox.value_or(fleet_directory / "inbox"),
      opened->config.fleet.outbox.value_or(fleet_directory / "outbox"),
      [&device](const std::filesystem::path& path) { return apply_file(path, device); }, context.clock, say);
  if (!options.bundles.empty()) {
    std::vector<fleet::Receipt> receipts;
    for (const auto& bundle : options.bundles) {
      auto receipt = inbox.take(bundle);
      if (!receipt) return receipt.error();
      receipts.push_back(std::move(*receipt));
    }
    return status_of(receipts);
  }
  if (auto prepared = inbox.prepare(); !prepared) return prepared.error();
  if (options.watch) {
    if (auto watched = inbox.watch(); !watched) return watched.error();
    return 0;
  }
  const auto receipts = inbox.take_all();
  if (!receipts) return receipts.error();
  return status_of(*receipts);
}

}  // namespace fob::cli
