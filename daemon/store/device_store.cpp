#include "daemon/store/device_store.hpp"

#include "daemon/store/private_file.hpp"
#include "daemon/store/rotation.hpp"
#include "ipc/base/file.hpp"
#include "ipc/base/fingerprint.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/file.h>
#include <tuple>
#include <unistd.h>

namespace fob::store {
namespace {

using wire::Slot;

Result<void> check_name(const std::string& profile) {
  // It becomes a file name: a name with a slash would lead out of the vault.
  if (wire::is_profile_name(profile)) return {};
  return fail(ErrorCode::store, "that is not a profile name");
}

bool is_closed_to_us(const std::filesystem::path& directory) {
  return ::eaccess(directory.c_str(), R_OK | X_OK) != 0 && errno == EACCES;
}

void summarize(const std::string& profile, const Record& record, config::StoreKind store, Listing& listing) {
  for (const auto& [slot, kept] : record.slots) {
    Origin origin = kept.origin;
    // Of one that is or was in force, fobd knows better by now.
    origin.untested = origin.untested && slot == Slot::next;
    listing.slots.push_back(
        {profile, slot, kept.version, fingerprint(kept.credential.client_id), kept.stored_at, origin, store});
  }
}

// A key that is gone, or a keyring that is locked, is one finding however many records it closes.
void note(Listing& listing, const Error& error) {
  if (listing.unreadable.empty() || listing.unreadable.back().detail != error.detail)
    listing.unreadable.push_back(error);
}

}  // namespace

DeviceStore::DeviceStore(std::filesystem::path vault, Home home,
                         std::vector<std::unique_ptr<RecordStore>> stores, const Clock& clock)
    : vault_(std::move(vault)), home_(home), stores_(std::move(stores)), clock_(clock) {}

RecordStore* DeviceStore::store_of(config::StoreKind kind) const {
  const auto found =
      std::find_if(stores_.begin(), stores_.end(), [&](const auto& store) { return store->kind() == kind; });
  return found == stores_.end() ? nullptr : found->get();
}

Result<RecordStore*> DeviceStore::placed(const Placement& placement, const std::string& profile) const {
  const auto found = placement.find(profile);
  if (found == placement.end()) {
    // No word of it, yet it may be there: the placement was lost, or is from before there was one. A keyring
    // is not asked, since most devices have none.
    for (const auto& store : stores_) {
      if (store->kind() == config::StoreKind::secret_service) continue;
      const auto profiles = store->profiles();
      if (!profiles) return profiles.error();
      if (std::find(profiles->begin(), profiles->end(), profile) != profiles->end()) return store.get();
    }
  }
  const auto kind = found == placement.end() ? home_.store : found->second.store;
  if (auto* store = store_of(kind)) return store;
  return fail(ErrorCode::config,
              profile + " is in " + store_named(kind) + ", which this build of fob does not have");
}

Result<UniqueFd> DeviceStore::lock(bool make) const {
  if (make) {
    if (auto made = make_directory(vault_, 0700, ErrorCode::store); !made) return made.error();
  }
  auto fd = open_private_directory(vault_);
  if (!fd || !*fd) return fd;
  while (::flock(fd->get(), LOCK_EX) != 0)
    if (errno != EINTR) return fail(ErrorCode::store, with_errno(vault_.string()));
  // Whoever left one is dead, since we hold the lock.
  for (const std::string_view ending : {".vault", ".cred", ".json"}) remove_leftovers(vault_, ending);
  return fd;
}

Result<std::optional<Record>> DeviceStore::read(const std::string& profile) {
  if (auto checked = check_name(profile); !checked) return checked.error();
  for (const auto& store : stores_)
    if (store->is_handed(profile)) return store->read(profile);
  // An exchanger to whom systemd gave nothing may not look into the vault; its store says what that means.
  if (home_.store == config::StoreKind::systemd_creds && is_closed_to_us(vault_))
    return store_of(home_.store)->read(profile);
  // Once more where the profile moved just between the look at its place and the look there.
  for (Placement before;;) {
    auto placement = read_placement(vault_);
    if (!placement) return placement.error();
    const auto store = placed(*placement, profile);
    if (!store) return store.error();
    auto record = (*store)->read(profile);
    if (!record || *record || *placement == before) return record;
    before = std::move(*placement);
  }
}

Result<StoredCredential> DeviceStore::load(const std::string& profile, Slot slot) {
  auto record = read(profile);
  if (!record) return record.error();
  if (!*record) return rotation::empty_slot(profile, slot);
  const auto found = (*record)->slots.find(slot);
  if (found == (*record)->slots.end()) return rotation::empty_slot(profile, slot);
  auto& kept = found->second;
  return StoredCredential{std::move(kept.credential), kept.version, kept.stored_at};
}

Result<std::optional<config::StoreKind>> DeviceStore::whereabouts(const std::string& profile) {
  const auto record = read(profile);
  if (!record) return record.error();
  if (!*record || (*record)->slots.empty()) return std::optional<config::StoreKind>();
  const auto placement = read_placement(vault_);
  if (!placement) return placement.error();
  const auto store = placed(*placement, profile);
  if (!store) return store.error();
  return std::optional((*store)->kind());
}

Result<StagedCredential> DeviceStore::staged(const std::string& profile) {
  const auto record = read(profile);
  if (!record) return record.error();
  if (!*record) return rotation::empty_slot(profile, Slot::next);
  const auto found = (*record)->slots.find(Slot::next);
  if (found == (*record)->slots.end()) return rotation::empty_slot(profile, Slot::next);
  return StagedCredential{found->second.version, found->second.origin};
}

Result<BundleStanding> DeviceStore::bundle_standing(const std::string& profile, std::uint64_t serial) {
  const auto record = read(profile);
  if (!record) return record.error();
  BundleStanding standing;
  const auto placement = read_placement(vault_);
  if (!placement) return placement.error();
  if (const auto place = placement->find(profile); place != placement->end())
    standing.highest = place->second.bundle_serial;
  if (!*record) return standing;
  standing.highest = std::max(standing.highest, (*record)->bundle_serial);
  for (const auto& [slot, kept] : (*record)->slots) {
    if (serial == 0 || kept.origin.bundle_serial != serial) continue;
    standing.slot = slot;
    standing.version = kept.version;
    standing.on_trial = slot == Slot::next && !kept.origin.untested;
    standing.accepted = slot != Slot::next && !kept.origin.untested;
    return standing;
  }
  // Another's trial stands in its place, and gives it back unless it succeeds.
  const auto& aside = (*record)->set_aside;
  if (serial != 0 && aside && aside->origin.bundle_serial == serial) {
    standing.slot = Slot::next;
    standing.version = aside->version;
  }
  return standing;
}

Result<void> DeviceStore::write(RecordStore& store, Placement& placement, const std::string& profile,
                                const Record& record) const {
  const Place before = placement.contains(profile) ? placement.at(profile) : Place{};
  Place& place = placement[profile];
  place.store = store.kind();
  place.version = std::max(place.version, record.counter);
  // Before the record: a place without a record is an empty one, a record without a place might be lost, and
  // a version that was given out and lost does no harm.
  if (place != before) {
    if (auto noted = write_placement(vault_, placement); !noted) return noted;
  }
  if (auto replaced = store.replace(profile, record); !replaced) return replaced;
  // After it: a bundle counts as taken only once it was.
  if (place.bundle_serial >= record.bundle_serial) return {};
  place.bundle_serial = record.bundle_serial;
  return write_placement(vault_, placement);
}

Result<std::uint64_t> DeviceStore::stage(const std::string& profile, const Credential& credential,
                                         const Origin& origin) {
  if (auto checked = check_name(profile); !checked) return checked.error();
  const auto locked = lock(true);
  if (!locked) return locked.error();
  auto placement = read_placement(vault_);
  if (!placement) return placement.error();
  if (auto forgotten = forget_leftover(*placement, profile); !forgotten) return forgotten.error();
  auto store = placed(*placement, profile);
  if (!store) return store.error();
  auto* const home = store_of(home_.store);
  if (home_.configured && *store != home) {
    if (auto moved = move(*placement, profile, **store, *home); !moved) return moved.error();
    store = home;
  }

  auto record = (*store)->read(profile);
  if (!record) return record.error();
  if (!*record) record->emplace();
  if (const auto place = placement->find(profile); place != placement->end()) {
    (*record)->counter = std::max((*record)->counter, place->second.version);
    (*record)->bundle_serial = std::max((*record)->bundle_serial, place->second.bundle_serial);
  }
  const auto version = rotation::stage(**record, credential, origin, clock_.wall_now());
  if (!version) return version;
  if (auto written = write(**store, *placement, profile, **record); !written) return written.error();
  return version;
}

Result<bool> DeviceStore::change(const std::string& profile,
                                 const std::function<Result<bool>(std::optional<Record>&)>& step) {
  if (auto checked = check_name(profile); !checked) return checked.error();
  const auto locked = lock(false);
  if (!locked) return locked.error();
  if (!*locked) {
    std::optional<Record> nothing;
    return step(nothing);
  }
  auto placement = read_placement(vault_);
  if (!placement) return placement.error();
  if (auto forgotten = forget_leftover(*placement, profile); !forgotten) return forgotten.error();
  const auto store = placed(*placement, profile);
  if (!store) return store.error();
  auto record = (*store)->read(profile);
  if (!record) return record.error();
  const auto changed = step(*record);
  if (!changed || !*changed) return changed;
  if (auto written = write(**store, *placement, profile, **record); !written) return written.error();
  return true;
}

Result<void> DeviceStore::commit(const std::string& profile, std::uint64_t version, Proof proof) {
  const auto changed = change(profile, [&](std::optional<Record>& record) -> Result<bool> {
    if (!record) return another_rotation(profile);
    return rotation::commit(*record, profile, version, proof);
  });
  if (!changed) return changed.error();
  return {};
}

Result<bool> DeviceStore::discard_staged(const std::string& profile, std::uint64_t version) {
  return change(profile, [&](std::optional<Record>& record) -> Result<bool> {
    return record && rotation::discard_staged(*record, version);
  });
}

Result<void> DeviceStore::roll_back(const std::string& profile) {
  const auto changed = change(profile, [&](std::optional<Record>& record) -> Result<bool> {
    if (!record) return rotation::empty_slot(profile, Slot::previous);
    if (auto rolled = rotation::roll_back(*record, profile); !rolled) return rolled.error();
    return true;
  });
  if (!changed) return changed.error();
  return {};
}

void DeviceStore::list_store(RecordStore& store, const Placement& placement, Listing& listing) const {
  const auto profiles = store.profiles();
  if (!profiles) return note(listing, profiles.error());
  for (const auto& profile : *profiles) {
    const auto at = placement.find(profile);
    if (profile == k_device_identity) continue;
    if ((at == placement.end() ? home_.store : at->second.store) != store.kind()) continue;
    const auto record = store.read(profile);
    if (!record) {
      note(listing, record.error());
    } else if (*record) {
      summarize(profile, **record, store.kind(), listing);
    }
  }
}

Result<Listing> DeviceStore::list() {
  const auto placement = read_placement(vault_);
  if (!placement) return placement.error();
  Listing listing;
  for (const auto& store : stores_) {
    const bool used = store->kind() == home_.store ||
                      std::any_of(placement->begin(), placement->end(),
                                  [&](const auto& entry) { return entry.second.store == store->kind(); });
    if (used) list_store(*store, *placement, listing);
  }
  for (const auto& [profile, place] : *placement)
    if (place.leftover)
      listing.notes.push_back(profile + ": an old copy may still be in " + store_named(*place.leftover) +
                              ", which could not be reached; the next rotation deletes it if it can");
  std::sort(listing.slots.begin(), listing.slots.end(), [](const SlotSummary& a, const SlotSummary& b) {
    return std::tie(a.profile, a.slot) < std::tie(b.profile, b.slot);
  });
  return listing;
}

}  // namespace fob::store
