#include "daemon/store/open_store.hpp"

#include "daemon/store/file_vault.hpp"

namespace fob::store {

Result<std::unique_ptr<CredentialStore>> open_store(const config::Config& config,
                                                    const config::Locations& locations, const Clock& clock) {
  const auto kind = config.daemon.store.value_or(config::StoreKind::file);
  if (kind != config::StoreKind::file)
    return fail(ErrorCode::config, "this build has the store \"file\" only, not \"" +
                                       std::string(config::to_string(kind)) +
                                       "\"; set store = \"file\" in [daemon]");
  auto key = find_vault_key(config.daemon.vault_key, locations.state_dir, config::process_environment);
  return std::unique_ptr<CredentialStore>(
      std::make_unique<FileVault>(locations.state_dir, std::move(key), clock));
}

}  // namespace fob::store
