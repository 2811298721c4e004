#include "daemon/cli/fleet_device.hpp"

#include "daemon/cli/device_identity.hpp"
#include "daemon/cli/inbox.hpp"
#include "daemon/cli/opened_store.hpp"
#include "daemon/cli/speech.hpp"
#include "daemon/fleet/enrol_line.hpp"
#include "ipc/base/file.hpp"

#include <algorithm>
#include <csignal>

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
    return fail(
        ErrorCode::config,
        "this device trusts no signer of bundles yet; put the public key that `fob fleet keygen` printed "
        "into fob.toml: "
        "[fleet] signers = [\"…\"]");
  return keys;
}

int status_of(const fleet::Receipt& receipt) {
  switch (receipt.outcome) {
    case Outcome::applied:
    case Outcome::staged:
    case Outcome::waiting:
      return 0;
    case Outcome::rejected:
      return traits(ErrorCode::rejected).exit_status;
    case Outcome::failed:
      return receipt.reason.starts_with("store") ? traits(ErrorCode::store).exit_status
                                                 : traits(ErrorCode::internal).exit_status;
    case Outcome::refused:
      break;
  }
  return traits(ErrorCode::internal).exit_status;
}

int status_of(const std::vector<fleet::Receipt>& receipts) {
  int status = 0;
  for (const auto& receipt : receipts) status = std::max(status, status_of(receipt));
  return status;
}

// All that one bundle needs, read anew for each: a watch goes on while the configuration changes.
Application apply_file(const std::filesystem::path& path, const ApplyOptions& options, const Outbox& outbox,
                       const Context& context) {
  const auto failed = [&](const Error& error) {
    fleet::Receipt receipt;
    receipt.outcome = Outcome::failed;
    receipt.device = "unknown";
    receipt.reason = error.code == ErrorCode::config ? "config" : "store";
    receipt.detail = error.detail;
    receipt.time = std::chrono::floor<std::chrono::seconds>(context.clock.wall_now());
    receipt.bundle = path.filename().string();
    return Application{std::move(receipt), std::nullopt};
  };
  const auto opened = open_configured_store(context);
  if (!opened) return failed(opened.error());
  auto signers = trusted_signers(opened->config, options);
  if (!signers) return failed(signers.error());
  if (auto readable = units_here(context).check(opened->choice); !readable) return failed(readable.error());
  const auto identity = device_identity(*opened->store);
  if (!identity) return failed(identity.error());
  const Device device{
      world_of(*opened->store, context),
      *identity,
      std::move(*signers),
      [&opened](const std::string& profile) { return opened->config.find(profile) != nullptr; },
      [&outbox](const fleet::Receipt& receipt) { return outbox.tells_of_success(receipt); },
      context.clock};
  const std::string name = path.filename().string();
  const auto file = fleet::BundleFile::open(path);
  if (!file) return {refusal_receipt(file.error(), name, device), std::nullopt};
  return apply_bundle(*file, name, device);
}

std::optional<fleet::Receipt> follow_up_now(const fleet::Receipt& staged, const Context& context) {
  const auto opened = open_configured_store(context);
  if (!opened) return std::nullopt;
  return follow_up(staged, world_of(*opened->store, context), context.clock);
}

struct Places {
  std::filesystem::path inbox, outbox;
};

Places places_of(const config::Config& config, const Context& context) {
  const auto standard = context.locations().state_dir / "fleet";
  return {config.fleet.inbox.value_or(standard / "inbox"), config.fleet.outbox.value_or(standard / "outbox")};
}

Result<int> take_named(Inbox& inbox, const std::vector<std::string>& bundles) {
  std::vector<fleet::Receipt> receipts;
  for (const auto& bundle : bundles) {
    auto receipt = inbox.take(bundle);
    if (!receipt) return receipt.error();
    receipts.push_back(std::move(*receipt));
  }
  return status_of(receipts);
}

}  // namespace

Result<int> fleet_enrol(const std::optional<std::string>& id, const Context& context) {
  const auto opened = open_configured_store(context);
  if (!opened) return opened.error();
  const auto identity = device_identity_or_new(*opened->store, id);
  if (!identity) return identity.error();
  // So that whatever brings bundles finds the place.
  const auto places = places_of(opened->config, context);
  for (const auto& directory : {places.inbox, places.outbox})
    if (auto made = make_directory(directory, 0700, ErrorCode::store); !made) return made.error();
  const auto line =
      fleet::encode_enrol_line(*identity, std::chrono::floor<std::chrono::seconds>(context.clock.wall_now()));
  if (auto printed = print(line + "\n"); !printed) return printed.error();
  return 0;
}

Result<int> fleet_apply(const ApplyOptions& options, const Context& context) {
  const auto opened = open_configured_store(context);
  if (!opened) return opened.error();
  if (const auto signers = trusted_signers(opened->config, options); !signers) return signers.error();
  if (const auto identity = device_identity(*opened->store); !identity) return identity.error();
  const auto places = places_of(opened->config, context);
  const Outbox outbox(places.outbox);
  const BundleWork work{
      [&](const std::filesystem::path& path) { return apply_file(path, options, outbox, context); },
      [&](const fleet::Receipt& staged) { return follow_up_now(staged, context); }};
  Inbox inbox(places.inbox, outbox, work, context.clock, say);
  if (auto prepared = inbox.prepare(); !prepared) return prepared.error();
  // A lease on a bundle that somebody opens for writing is broken by this signal, whose default is death.
  std::signal(SIGIO, SIG_IGN);
  if (!options.bundles.empty()) return take_named(inbox, options.bundles);
  if (options.watch) {
    if (auto watched = inbox.watch(); !watched) return watched.error();
    return 0;
  }
  const auto receipts = inbox.take_all([] { return false; });
  if (!receipts) return receipts.error();
  return status_of(*receipts);
}

}  // namespace fob::cli
