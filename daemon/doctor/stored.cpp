#include "daemon/doctor/stored.hpp"

#include "daemon/config/store_choice.hpp"
#include "daemon/store/open_store.hpp"
#include "daemon/store/vault_key.hpp"
#include "ipc/base/shell_word.hpp"

namespace fob::doctor {
namespace {

using config::StoreKind;

Finding not_ours(const Patient& patient) {
  return skip(Check::store, "only user " + std::to_string(patient.keeper) + " may look into it",
              patient.operators("doctor"));
}

std::string unlock(const Error& error) {
  return error.detail.find("is locked") == std::string::npos
             ? ""
             : "gnome-keyring-daemon --replace --daemonize --unlock";
}

std::string summary(const store::Listing& listing, const config::StoreChoice& choice) {
  std::string text = "\"" + std::string(to_string(choice.kind)) + "\", since " + choice.why + ": ";
  const auto count = listing.slots.size();
  return text + (count == 0 ? "empty" : std::to_string(count) + (count == 1 ? " record" : " records"));
}

Finding key_of_files(const config::Config& config, const Patient& patient, bool needed) {
  const auto place =
      store::find_vault_key(config.daemon.vault_key, patient.at.state_dir, config::process_environment);
  const auto key = store::read_vault_key(place);
  if (!key) return failure(patient, Check::key, key.error(), "");
  if (key->empty() && needed)
    return failure(Check::key, ErrorCode::store_locked,
                   "the vault's key " + place.file.string() +
                       " is gone, and without it no record opens; put it back from its backup",
                   "install -m 600 KEY-BACKUP " + in_shell(place.file));
  if (key->empty()) return pass(Check::key, "the first credential makes " + place.file.string());
  return pass(Check::key, place.file.string());
}

Finding key_of(const config::Config& config, const Patient& patient, const store::Listing& listing,
               StoreKind home) {
  bool files = home == StoreKind::file && !listing.unreadable.empty(), systemd = false, keyring = false;
  for (const auto& slot : listing.slots) {
    files = files || slot.store == StoreKind::file;
    systemd = systemd || slot.store == StoreKind::systemd_creds;
    keyring = keyring || slot.store == StoreKind::secret_service;
  }
  if (files) return key_of_files(config, patient, true);
  if (systemd) return pass(Check::key, "systemd-creds decrypts what is there");
  if (keyring) return pass(Check::key, "the keyring is open");
  if (home == StoreKind::file) return key_of_files(config, patient, false);
  return skip(Check::key, "nothing that it opens was read");
}

}  // namespace

ReadStore read_store(const Patient& patient, const config::Config& config) {
  ReadStore read;
  if (patient.keeper != patient.user) {
    read.findings.push_back(not_ours(patient));
    return read;
  }
  const auto choice =
      config::choose_store(config, config::look_for_stores(patient.at, config::process_environment));
  auto listing = store::open_store(config, patient.at, choice, patient.clock)->list();
  if (!listing) {
    read.findings.push_back(failure(patient, Check::store, listing.error(), unlock(listing.error())));
    return read;
  }
  const Finding key = key_of(config, patient, *listing, choice.kind);
  if (key.verdict == Verdict::fail) {
    read.findings.push_back(skip(Check::store, "no record opens without the key"));
  } else {
    for (const auto& error : listing->unreadable)
      read.findings.push_back(failure(patient, Check::store, error, unlock(error)));
  }
  for (const auto& note : listing->notes) read.findings.push_back(warn(Check::store, note, ""));
  if (read.findings.empty()) read.findings.push_back(pass(Check::store, summary(*listing, choice)));
  read.findings.push_back(key);
  read.listing = std::move(*listing);
  return read;
}

}  // namespace fob::doctor
