#include "daemon/store/vault_key.hpp"

#include "daemon/store/private_file.hpp"
#include "daemon/store/vault_file.hpp"
#include "ipc/base/file.hpp"

#include <sodium.h>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>

namespace fob::store {
namespace {

constexpr const char* k_credential_name = "fob-vault-key";
// 64 hex digits and a line end; one more would be another kind of file.
constexpr std::size_t k_max_key_file = 66;

// Creators take turns on the directory, so that two of them end with the same key.
Result<UniqueFd> lock_directory(const std::filesystem::path& directory) {
  UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  while (fd && ::flock(fd.get(), LOCK_EX) != 0)
    if (errno != EINTR) return fail(ErrorCode::store, with_errno(directory.string()));
  if (!fd) return fail(ErrorCode::store, with_errno(directory.string()));
  return fd;
}

}  // namespace

VaultKeyPlace find_vault_key(const std::optional<std::filesystem::path>& configured,
                             const std::filesystem::path& state_dir, const config::Environment& environment) {
  using From = VaultKeyPlace::Origin;
  if (const auto directory = environment("CREDENTIALS_DIRECTORY")) {
    const auto file = std::filesystem::path(*directory) / k_credential_name;
    std::error_code ignored;
    if (std::filesystem::exists(file, ignored)) return {file, From::systemd};
  }
  if (configured) return {*configured, From::configured};
  return {state_dir / "keys" / "vault.key", From::standard};
}

SecretBytes decode_vault_key(std::string_view content) {
  if (content.size() == k_vault_key_bytes) return SecretBytes::copy_of(content);
  while (content.ends_with('\n') || content.ends_with('\r')) content.remove_suffix(1);
  SecretBytes key(k_vault_key_bytes);
  std::size_t size = 0;
  const auto whole = [&](int status) { return status == 0 && size == key.size(); };
  if (whole(sodium_hex2bin(key.bytes().data(), key.size(), content.data(), content.size(), nullptr, &size,
                           nullptr)))
    return key;
  if (whole(sodium_base642bin(key.bytes().data(), key.size(), content.data(), content.size(), nullptr, &size,
                              nullptr, sodium_base64_VARIANT_ORIGINAL)))
    return key;
  return {};
}

Result<SecretBytes> read_vault_key(const VaultKeyPlace& place) {
  using enum VaultKeyPlace::Origin;
  if (place.origin == standard) {
    const auto directory = open_private_directory(place.file.parent_path());
    if (!directory) return directory.error();
    if (!*directory) return SecretBytes();
  }
  const auto fd = open_private_file(place.file, place.origin == systemd ? Sharing::systemd : Sharing::none);
  if (!fd) return fd.error();
  if (!*fd) return SecretBytes();
  const auto content = read_secret(fd->get(), k_max_key_file, place.file);
  if (!content) return content.error();
  auto key = decode_vault_key(content->reveal());
  if (key.empty())
    return fail(ErrorCode::store_locked, place.file.string() +
                                             " is not a vault key, which is 32 bytes, 64 hex digits or "
                                             "base64; put the right key there");
  return key;
}

Result<SecretBytes> create_vault_key(const VaultKeyPlace& place) {
  const auto directory = place.file.parent_path();
  if (auto made = make_directory(directory, 0700, ErrorCode::store); !made) return made.error();
  const auto lock = lock_directory(directory);
  if (!lock) return lock.error();
  auto existing = read_vault_key(place);
  if (!existing || !existing->empty()) return existing;

  remove_leftovers(directory, place.file.filename().string());
  SecretBytes key(k_vault_key_bytes);
  randombytes_buf(key.bytes().data(), key.size());
  if (auto written = replace_file(place.file, key.reveal(), 0600, ErrorCode::store); !written)
    return written.error();
  return key;
}

}  // namespace fob::store
