#include "daemon/store/file_vault.hpp"

#include "daemon/store/private_file.hpp"
#include "ipc/base/file.hpp"
#include "ipc/base/fingerprint.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace fob::store {
namespace {

using wire::Slot;

constexpr std::string_view k_suffix = ".vault";

std::vector<std::string> profiles_in(const std::filesystem::path& directory) {
  std::vector<std::string> profiles;
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    const auto profile = it->path().stem().string();
    if (it->path().extension() == k_suffix && wire::is_profile_name(profile)) profiles.push_back(profile);
  }
  std::sort(profiles.begin(), profiles.end());
  return profiles;
}

Error empty_slot(const std::string& profile, Slot slot) {
  const std::string what = slot == Slot::current ? " has no credential"
                           : slot == Slot::next  ? " has no staged credential"
                                                 : " has no previous credential";
  return fail(ErrorCode::no_credential, "profile " + profile + what + "; run: fob credential add " + profile);
}

bool has_staged(const VaultFile& file, std::uint64_t version) {
  const auto staged = file.slots.find(Slot::next);
  return staged != file.slots.end() && staged->second.version == version;
}

Result<void> check_name(const std::string& profile) {
  // It becomes a file name: a name with a slash would lead out of the vault.
  if (wire::is_profile_name(profile)) return {};
  return fail(ErrorCode::store, "that is not a profile name");
}

}  // namespace

FileVault::FileVault(const std::filesystem::path& state_dir, VaultKeyPlace key, const Clock& clock)
    : directory_(state_dir / "vault"), key_place_(std::move(key)), clock_(clock) {}

std::filesystem::path FileVault::path_of(const std::string& profile) const {
  return directory_ / (profile + std::string(k_suffix));
}

Error FileVault::unusable(const std::string& profile, const Error& reason) const {
  return fail(reason.code, path_of(profile).string() + " cannot be used: " + reason.detail + ". If " +
                               key_place_.file.string() + " is the right key, enrol again: fob credential " +
                               "remove " + profile + " && fob credential add " + profile);
}

Result<UniqueFd> FileVault::lock(bool make) {
  if (make) {
    if (auto made = make_directory(directory_, 0700, ErrorCode::store); !made) return made.error();
  }
  auto fd = open_private_directory(directory_);
  if (!fd || !*fd) return fd;
  while (::flock(fd->get(), LOCK_EX) != 0)
    if (errno != EINTR) return fail(ErrorCode::store, with_errno(directory_.string()));
  // Whoever left one is dead, since we hold the lock.
  remove_leftovers(directory_, k_suffix);
  return fd;
}

Result<SecretBytes> FileVault::existing_key() {
  auto key = read_vault_key(key_place_);
  if (key && key->empty())
    return fail(ErrorCode::store_locked,
                "the vault's key " + key_place_.file.string() +
                    " is gone, and without it nothing in the vault opens; put it back, or start afresh: rm " +
                    directory_.string() + "/*.vault, then fob credential add for each profile");
  return key;
}

Result<std::optional<FileVault::Opened>> FileVault::open(const std::string& profile) {
  if (auto checked = check_name(profile); !checked) return checked.error();
  const auto directory = open_private_directory(directory_);
  if (!directory) return directory.error();
  const auto fd = *directory ? open_private_file(path_of(profile), Sharing::none) : UniqueFd();
  if (!fd) return fd.error();
  if (!*fd) return std::optional<Opened>();
  const auto text = read_all(fd->get(), k_max_vault_file, ErrorCode::store_locked, path_of(profile).string());
  if (!text) return text.error();

  auto key = existing_key();
  if (!key) return key.error();
  auto file = decode_vault_file(*text, profile, *key);
  if (!file) return unusable(profile, file.error());
  return std::optional<Opened>(Opened{std::move(*file), std::move(*key)});
}

Result<FileVault::Opened> FileVault::open_or_begin(const std::string& profile) {
  auto opened = open(profile);
  if (!opened) return opened.error();
  if (*opened) return std::move(**opened);
  // A new key beside files of an old one would bury them, so only the very first enrolment makes one.
  auto key = profiles_in(directory_).empty() ? create_vault_key(key_place_) : existing_key();
  if (!key) return key.error();
  return Opened{VaultFile(), std::move(*key)};
}

Result<void> FileVault::write(const std::string& profile, const Opened& opened) {
  return replace_file(path_of(profile), encode_vault_file(opened.file, profile, opened.key), 0600,
                      ErrorCode::store);
}

Result<StoredCredential> FileVault::load(const std::string& profile, Slot slot) {
  const auto opened = open(profile);
  if (!opened) return opened.error();
  if (!*opened) return empty_slot(profile, slot);
  const auto found = (*opened)->file.slots.find(slot);
  if (found == (*opened)->file.slots.end()) return empty_slot(profile, slot);
  auto credential = open_slot(found->second, {profile, slot}, (*opened)->key);
  if (!credential) return unusable(profile, credential.error());
  return StoredCredential{std::move(*credential), found->second.version};
}

Result<std::uint64_t> FileVault::stage(const std::string& profile, const Credential& credential) {
  if (auto checked = check_name(profile); !checked) return checked.error();
  const auto locked = lock(true);
  if (!locked) return locked.error();
  auto opened = open_or_begin(profile);
  if (!opened) return opened.error();

  const std::uint64_t version = ++opened->file.counter;
  auto sealed = seal_slot(credential, {profile, Slot::next}, version, clock_.wall_now(), opened->key);
  if (!sealed) return sealed.error();
  opened->file.slots.insert_or_assign(Slot::next, std::move(*sealed));
  if (auto written = write(profile, *opened); !written) return written.error();
  return version;
}

Result<std::optional<SealedSlot>> FileVault::resealed(const Opened& opened, const std::string& profile,
                                                      Slot from, Slot to) {
  const auto found = opened.file.slots.find(from);
  if (found == opened.file.slots.end()) return std::optional<SealedSlot>();
  const auto credential = open_slot(found->second, {profile, from}, opened.key);
  if (!credential) return unusable(profile, credential.error());
  auto sealed =
      seal_slot(*credential, {profile, to}, found->second.version, found->second.stored_at, opened.key);
  if (!sealed) return sealed.error();
  return std::optional<SealedSlot>(std::move(*sealed));
}

Result<void> FileVault::make_current(const std::string& profile, Opened& opened, Slot from) {
  auto risen = resealed(opened, profile, from, Slot::current);
  if (!risen) return risen.error();
  if (!*risen) return empty_slot(profile, from);
  auto replaced = resealed(opened, profile, Slot::current, Slot::previous);
  if (!replaced) return replaced.error();

  auto& slots = opened.file.slots;
  slots.erase(from);
  slots.erase(Slot::previous);
  slots.insert_or_assign(Slot::current, std::move(**risen));
  if (*replaced) slots.emplace(Slot::previous, std::move(**replaced));
  return write(profile, opened);
}

Result<void> FileVault::commit(const std::string& profile, std::uint64_t version) {
  const auto locked = lock(false);
  if (!locked) return locked.error();
  auto opened = open(profile);
  if (!opened) return opened.error();
  if (!*opened || !has_staged((*opened)->file, version)) return another_rotation(profile);
  return make_current(profile, **opened, Slot::next);
}

Result<void> FileVault::roll_back(const std::string& profile) {
  const auto locked = lock(false);
  if (!locked) return locked.error();
  auto opened = open(profile);
  if (!opened) return opened.error();
  if (!*opened) return empty_slot(profile, Slot::previous);
  return make_current(profile, **opened, Slot::previous);
}

Result<bool> FileVault::discard_staged(const std::string& profile, std::uint64_t version) {
  const auto locked = lock(false);
  if (!locked) return locked.error();
  auto opened = open(profile);
  if (!opened) return opened.error();
  if (!*opened || !has_staged((*opened)->file, version)) return false;
  (*opened)->file.slots.erase(Slot::next);
  if (auto written = write(profile, **opened); !written) return written.error();
  return true;
}

Result<void> FileVault::remove(const std::string& profile) {
  if (auto checked = check_name(profile); !checked) return checked.error();
  const auto locked = lock(false);
  if (!locked) return locked.error();
  auto opened = *locked ? open(profile) : std::optional<Opened>();
  if (opened && !*opened) return empty_slot(profile, Slot::current);
  if (opened) {
    if ((*opened)->file.slots.empty()) return empty_slot(profile, Slot::current);
    (*opened)->file.slots.clear();
    return write(profile, **opened);
  }
  // Damaged, or its key is gone: to forget it is all that is left to do, and the way to enrol again.
  if (::unlink(path_of(profile).c_str()) != 0)
    return fail(ErrorCode::store, with_errno(path_of(profile).string()));
  return {};
}

Result<void> FileVault::summarize(const std::string& profile, std::vector<SlotSummary>& summaries) {
  const auto opened = open(profile);
  if (!opened) return opened.error();
  if (!*opened) return {};
  for (const auto& [slot, sealed] : (*opened)->file.slots) {
    const auto credential = open_slot(sealed, {profile, slot}, (*opened)->key);
    if (!credential) return unusable(profile, credential.error());
    summaries.push_back(
        {profile, slot, sealed.version, fingerprint(credential->client_id), sealed.stored_at});
  }
  return {};
}

Result<Listing> FileVault::list() {
  const auto directory = open_private_directory(directory_);
  if (!directory) return directory.error();
  Listing listing;
  for (const auto& profile : profiles_in(directory_)) {
    const auto read = summarize(profile, listing.slots);
    // A key that is gone is one finding, however many files it closes.
    if (!read && (listing.unreadable.empty() || listing.unreadable.back().detail != read.error().detail))
      listing.unreadable.push_back(read.error());
  }
  return listing;
}

}  // namespace fob::store
