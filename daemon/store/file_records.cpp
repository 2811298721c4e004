#include "daemon/store/file_records.hpp"

#include "daemon/store/credential_store.hpp"
#include "daemon/store/private_file.hpp"
#include "daemon/store/vault_file.hpp"
#include "ipc/base/file.hpp"

namespace fob::store {
namespace {

constexpr std::string_view k_suffix = ".vault";

}  // namespace

FileRecords::FileRecords(std::filesystem::path vault, VaultKeyPlace key)
    : vault_(std::move(vault)), key_place_(std::move(key)) {}

std::filesystem::path FileRecords::path_of(const std::string& profile) const {
  return vault_ / (profile + std::string(k_suffix));
}

Error FileRecords::unusable(const std::string& profile, const Error& reason) const {
  return fail(reason.code, path_of(profile).string() + " cannot be used: " + reason.detail + ". If " +
                               key_place_.file.string() +
                               " is the right key, enrol again: " + enrol_again(profile));
}

Result<SecretBytes> FileRecords::existing_key() {
  auto key = read_vault_key(key_place_);
  if (key && key->empty())
    return fail(ErrorCode::store_locked,
                "the vault's key " + key_place_.file.string() +
                    " is gone, and without it nothing in the vault opens; put it back, or start afresh: rm " +
                    vault_.string() + "/*.vault, then fob credential add for each profile");
  return key;
}

// A new key beside files of an old one would bury them, so only the very first record makes one.
Result<SecretBytes> FileRecords::key_for_writing() {
  const auto others = files_of_profiles(vault_, k_suffix);
  if (!others) return others.error();
  return others->empty() ? create_vault_key(key_place_) : existing_key();
}

Result<std::optional<Record>> FileRecords::read(const std::string& profile) {
  const auto directory = open_private_directory(vault_);
  if (!directory) return directory.error();
  const auto fd = *directory ? open_private_file(path_of(profile), Sharing::none) : UniqueFd();
  if (!fd) return fd.error();
  if (!*fd) return std::optional<Record>();
  const auto text =
      read_all(fd->get(), k_max_vault_file, ErrorCode::store_damaged, path_of(profile).string());
  if (!text) return text.error();

  const auto key = existing_key();
  if (!key) return key.error();
  auto record = open_record(*text, profile, *key);
  if (!record) return unusable(profile, record.error());
  return std::optional<Record>(std::move(*record));
}

Result<void> FileRecords::replace(const std::string& profile, const Record& record) {
  const auto key = key_for_writing();
  if (!key) return key.error();
  const auto sealed = seal_record(record, profile, *key);
  if (!sealed) return sealed.error();
  return replace_file(path_of(profile), *sealed, 0600, ErrorCode::store);
}

Result<void> FileRecords::erase(const std::string& profile) {
  return remove_file(path_of(profile), ErrorCode::store);
}

Result<std::vector<std::string>> FileRecords::profiles() {
  const auto directory = open_private_directory(vault_);
  if (!directory) return directory.error();
  return files_of_profiles(vault_, k_suffix);
}

}  // namespace fob::store
