// The configuration as values: what `fob.toml` says once it has been read and checked. What each key means,
// its type and its default stand in the option table (options.hpp), from which help and reference are made.
#pragma once

#include "ipc/base/result.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fob::config {

/// The record of the device's own keys for fleet bundles, which is kept like a profile's credential. No
/// profile may have this name.
inline constexpr const char* k_device_identity = "fob.device";

enum class StoreKind : std::uint8_t { systemd_creds, secret_service, file };
/// What the store systemd-creds encrypts with; systemd-creds(1), --with-key=.
enum class SealingKey : std::uint8_t {
  automatic,  ///< host_tpm2 where the machine has all that a TPM2 takes (`systemd-creds has-tpm2`), else host
  host,       ///< /var/lib/systemd/credential.secret, which systemd-creds makes where it is missing
  tpm2,
  host_tpm2  ///< it takes both to decrypt
};
enum class Authority : std::uint8_t { multiset, oauth2 };
enum class ClientAuth : std::uint8_t { basic, post };
enum class RefreshMode : std::uint8_t { always, on_demand };

struct Daemon {
  std::optional<StoreKind> store;  ///< nothing: the best that is available
  std::optional<std::string> default_profile;
  std::optional<std::filesystem::path>
      vault_key;  ///< key file of the file store; nothing: STATE/keys/vault.key
  SealingKey sealing_key = SealingKey::automatic;  ///< of the store systemd-creds
  bool auto_fallback = false;                      ///< of profiles that do not say otherwise
};

struct Profile {
  std::string name;
  Authority authority = Authority::multiset;
  std::string endpoint;  ///< https, or http on loopback; checked by check_endpoint()
  std::vector<std::string> scopes;
  std::optional<std::filesystem::path> ca_file;  ///< trusted instead of the system's CAs
  std::optional<std::string> pin_sha256;         ///< base64 of the SHA-256 of the server's public key
  std::optional<std::string> proxy;
  std::optional<std::string> audience;
  std::optional<std::string> resource;
  ClientAuth client_auth = ClientAuth::basic;
  RefreshMode refresh = RefreshMode::always;
  std::chrono::seconds idle_after{};  ///< 0: never idle
  /// Use another credential that works while the authority refuses the one in force. Once it is loaded, what
  /// the profile does not say is what [daemon] says.
  std::optional<bool> auto_fallback;

  bool operator==(const Profile&) const = default;
};

/// Who may have which profiles; all selectors that are named must hold (design.md §8).
struct Grant {
  std::vector<std::string> profiles;
  std::optional<std::string> user, group, exe, exe_sha256, unit, apparmor, selinux;
  std::string where;  ///< file and line, "fob.toml:12"
};

/// Rotation by bundles (docs/fleet-bundle.md).
struct Fleet {
  std::vector<std::string> signers;  ///< public keys of the operators whose bundles count, in base64
  std::optional<std::filesystem::path> inbox, outbox;  ///< nothing: STATE/fleet/inbox, STATE/fleet/outbox
};

/// A listener of fob-gateway: what apps on this device reach on loopback with a profile's tokens.
struct Gateway {
  std::string name;
  std::string listen;                  ///< loopback address and port, "127.0.0.1:8787"
  std::optional<std::string> profile;  ///< once it is loaded, there is one: the default if it says none
  std::string upstream;                ///< base URL; once loaded: the profile's endpoint's if it says none
  std::optional<std::filesystem::path> ca_file;  ///< once loaded: the profile's, if upstream is not named
  std::string client_id = "fob", client_secret = "fob";  ///< the pair apps are configured with; no secret
  std::vector<std::string> origins;                      ///< of web pages, "https://app.example"
  std::vector<std::string> users;                        ///< whose processes may connect: names or numbers
  std::vector<std::string> routes;                       ///< "POST /v1/vps/map/query", with * and **
};

struct Config {
  Daemon daemon;
  Fleet fleet;
  std::map<std::string, Profile> profiles;
  std::vector<Grant> grants;
  std::map<std::string, Gateway> gateways;

  const Profile* find(std::string_view name) const;
};

std::string_view to_string(StoreKind kind);

/// Reads `file` and every `fob.d/*.toml` beside it, in the order of their names, as one configuration. An
/// error names file, line, key and, for an unknown key, the nearest known one. Refuses files that others
/// could have written. Fails with ErrorCode::config.
Result<Config> load(const std::filesystem::path& file);

/// The same from text; `name` stands for the file in errors. `directory` is what relative paths start from.
Result<Config> parse(std::string_view text, std::string_view name, const std::filesystem::path& directory);

/// The configuration in force, as commented TOML with every default filled in. Passwords in proxy URLs are
/// hidden.
std::string show(const Config& config);

}  // namespace fob::config
