#include "daemon/store/open_store.hpp"

#include "daemon/store/device_store.hpp"
#include "daemon/store/file_records.hpp"
#include "daemon/store/secret_service.hpp"
#include "daemon/store/systemd_creds.hpp"

#include <unistd.h>

namespace fob::store {

std::unique_ptr<CredentialStore> open_store(const config::Config& config, const config::Locations& locations,
                                            const config::StoreChoice& choice, const Clock& clock) {
  const auto vault = locations.state_dir / "vault";
  const auto& environment = config::process_environment;
  SystemdCredsSetup systemd;
  systemd.vault = vault;
  systemd.key = config.daemon.sealing_key;
  // What systemd handed over is as old as the process that it started. Root reads the vault itself.
  const auto handed = environment("CREDENTIALS_DIRECTORY");
  if (handed && ::geteuid() != 0) systemd.credentials = *handed;
  std::vector<std::unique_ptr<RecordStore>> stores;
  stores.push_back(std::make_unique<FileRecords>(
      vault, find_vault_key(config.daemon.vault_key, locations.state_dir, environment)));
  stores.push_back(std::make_unique<SecretServiceRecords>(locations.state_dir, environment));
  stores.push_back(std::make_unique<SystemdCredsRecords>(std::move(systemd)));
  return std::make_unique<DeviceStore>(vault, Home{choice.kind, choice.configured}, std::move(stores), clock);
}

std::unique_ptr<CredentialStore> open_store(const config::Config& config, const config::Locations& locations,
                                            const Clock& clock) {
  const auto offers = config::look_for_stores(locations, config::process_environment);
  return open_store(config, locations, config::choose_store(config, offers), clock);
}

}  // namespace fob::store
