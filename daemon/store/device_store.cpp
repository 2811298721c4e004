#include "daemon/store/device_store.hpp"

#include "daemon/store/private_file.hpp"
#include "daemon/store/rotation.hpp"
#include "ipc/base/file.hpp"
#include "ipc/base/fingerprint.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/file.h>
#include <tuple>

namespace fob::store {
namespace {

using wire::Slot;

Result<void> check_name(const std::string& profile) {
  // It becomes a file name: a name with a slash would lead out of the vault.
  if (wire::is_profile_name(profile)) return {};
  return fail(ErrorCode::store, "that is not a profile name");
}

bool same(const KeptCredential& a, const KeptCredential& b) {
  return a.version == b.version && a.stored_at == b.stored_at && a.origin == b.origin &&
         a.credential.client_id == b.credential.client_id && a.credential.secret == b.credential.secret;
}

bool same(const Record& a, const Record& b) {
  return a.counter == b.counter && a.bundle_serial == b.bundle_serial &&
         std::equal(
             a.slots.begin(), a.slots.end(), b.slots.begin(), b.slots.end(),
             [](const auto& x, const auto& y) { return x.first == y.first && same(x.second, y.second); });
}

std::string named(config::StoreKind kind) { return "the store \"" + std::string(to_string(kind)) + "\""; }

void summarize(const std::string& profile, const Record& record, config::StoreKind store, Listing& listing) {
  for (const auto& [slot, kept] : record.slots)
    listing.slots.push_back({profile, slot, kept.version, fingerprint(kept.credential.client_id),
                             kept.stored_at, kept.origin, store});
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
  const auto kind = found == placement.end() ? home_.store : found->second.store;
  if (auto* store = store_of(kind)) return store;
  return fail(ErrorCode::config,
              profile + " is in " + named(kind) + ", which this build of fob does not have");
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
  // Once more where the profile moved just between the look at its place and the look there.
  for (Placement before;;) {
    auto placement = read_placement(vault_);
    // An exchanger to whom systemd gave nothing may not look into the vault; its store says what that means.
    if (!placement && home_.store == config::StoreKind::systemd_creds)
      return store_of(home_.store)->read(profile);
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
  return StoredCredential{std::move(found->second.credential), found->second.version};
}

Result<StagedCredential> DeviceStore::staged(const std::string& profile) {
  const auto record = read(profile);
  if (!record) return record.error();
  if (!*record) return rotation::empty_slot(profile, Slot::next);
  const auto found = (*record)->slots.find(Slot::next);
  if (found == (*record)->slots.end()) return rotation::empty_slot(profile, Slot::next);
  return StagedCredential{found->second.version, found->second.origin};
}

Result<std::uint64_t> DeviceStore::bundle_serial(const std::string& profile) {
  const auto record = read(profile);
  if (!record) return record.error();
  return *record ? (*record)->bundle_serial : 0;
}

Result<std::uint64_t> DeviceStore::stage(const std::string& profile, const Credential& credential,
                                         const Origin& origin) {
  if (auto checked = check_name(profile); !checked) return checked.error();
  const auto locked = lock(true);
  if (!locked) return locked.error();
  auto placement = read_placement(vault_);
  if (!placement) return placement.error();
  auto store = placed(*placement, profile);
  if (!store) return store.error();
  auto* const home = store_of(home_.store);
  if (home_.configured && *store != home) {
    if (auto moved = move(*placement, profile, **store, *home); !moved) return moved.error();
    store = home;
  } else if (auto forgotten = forget_leftover(*placement, profile); !forgotten) {
    return forgotten.error();
  }

  auto record = (*store)->read(profile);
  if (!record) return record.error();
  if (!*record) record->emplace();
  const auto version = rotation::stage(**record, credential, origin, clock_.wall_now());
  if (!version) return version;
  // Before the record: a place without a record is an empty one, a record without a place might be lost.
  if (placement->emplace(profile, Place{(*store)->kind(), std::nullopt}).second) {
    if (auto noted = write_placement(vault_, *placement); !noted) return noted.error();
  }
  if (auto written = (*store)->replace(profile, **record); !written) return written.error();
  return version;
}

Result<bool> DeviceStore::change(const std::string& profile,
                                 const std::function<Result<bool>(std::optional<Record>&)>& step) {
  if (auto checked = check_name(profile); !checked) return checked.error();
  const auto locked = lock(false);
  if (!locked) return locked.error();
  auto placement = read_placement(vault_);
  if (!placement) return placement.error();
  if (auto forgotten = forget_leftover(*placement, profile); !forgotten) return forgotten.error();
  const auto store = placed(*placement, profile);
  if (!store) return store.error();
  auto record = *locked ? (*store)->read(profile) : std::optional<Record>();
  if (!record) return record.error();
  const auto changed = step(*record);
  if (!changed || !*changed) return changed;
  if (auto written = (*store)->replace(profile, **record); !written) return written.error();
  return true;
}

Result<void> DeviceStore::commit(const std::string& profile, std::uint64_t version) {
  const auto changed = change(profile, [&](std::optional<Record>& record) -> Result<bool> {
    if (!record) return another_rotation(profile);
    return rotation::commit(*record, profile, version);
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

Result<void> DeviceStore::remove(const std::string& profile) {
  const auto changed = change(profile, [&](std::optional<Record>& record) -> Result<bool> {
    if (!record || record->slots.empty()) return rotation::empty_slot(profile, Slot::current);
    record->slots.clear();
    return true;
  });
  if (changed) return {};
  if (changed.error().code != ErrorCode::store_locked) return changed.error();
  // Damaged, or its key is gone: to forget it is all that is left to do, and the way to enrol again.
  const auto locked = lock(false);
  if (!locked) return locked.error();
  const auto placement = read_placement(vault_);
  if (!placement) return placement.error();
  const auto store = placed(*placement, profile);
  if (!store) return store.error();
  return (*store)->erase(profile);
}

Result<void> DeviceStore::forget_leftover(Placement& placement, const std::string& profile) const {
  const auto found = placement.find(profile);
  if (found == placement.end() || !found->second.leftover) return {};
  auto* const store = store_of(*found->second.leftover);
  if (store == nullptr) return {};
  // One that cannot be reached now holds up nothing: list() names it, and the next step tries again.
  if (!store->erase(profile)) return {};
  found->second.leftover.reset();
  return write_placement(vault_, placement);
}

Result<void> DeviceStore::move(Placement& placement, const std::string& profile, RecordStore& from,
                               RecordStore& to) {
  const auto record = from.read(profile);
  if (!record) return record.error();
  if (!*record) {
    placement[profile] = {to.kind(), std::nullopt};
    return write_placement(vault_, placement);
  }
  placement[profile] = {from.kind(), to.kind()};
  if (auto noted = write_placement(vault_, placement); !noted) return noted;
  if (auto copied = to.replace(profile, **record); !copied) return copied;
  const auto copy = to.read(profile);
  if (!copy) return copy.error();
  if (!*copy || !same(**record, **copy)) {
    if (auto forgotten = forget_leftover(placement, profile); !forgotten) return forgotten;
    return fail(ErrorCode::store, named(to.kind()) + " gives back something else than was put into it; " +
                                      profile + " stays in " + named(from.kind()));
  }
  placement[profile] = {to.kind(), from.kind()};
  if (auto noted = write_placement(vault_, placement); !noted) return noted;
  return forget_leftover(placement, profile);
}

Result<Move> DeviceStore::migrate(const std::string& profile, config::StoreKind to) {
  if (auto checked = check_name(profile); !checked) return checked.error();
  auto* const target = store_of(to);
  if (target == nullptr) return fail(ErrorCode::config, "this build of fob has not " + named(to));
  const auto locked = lock(false);
  if (!locked) return locked.error();
  if (!*locked) return rotation::empty_slot(profile, Slot::current);
  auto placement = read_placement(vault_);
  if (!placement) return placement.error();
  const auto store = placed(*placement, profile);
  if (!store) return store.error();
  const auto record = (*store)->read(profile);
  if (!record) return record.error();
  if (!*record) return rotation::empty_slot(profile, Slot::current);
  if (*store == target) {
    if (auto forgotten = forget_leftover(*placement, profile); !forgotten) return forgotten.error();
    return Move::was_there;
  }
  if (auto moved = move(*placement, profile, **store, *target); !moved) return moved.error();
  return Move::moved;
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
      note(listing, fail(ErrorCode::store_locked,
                         profile + ": an old copy may still be in " + named(*place.leftover) +
                             ", which could not be reached; once it can, run: fob credential migrate " +
                             profile + " --to " + std::string(to_string(place.store))));
  std::sort(listing.slots.begin(), listing.slots.end(), [](const SlotSummary& a, const SlotSummary& b) {
    return std::tie(a.profile, a.slot) < std::tie(b.profile, b.slot);
  });
  return listing;
}

}  // namespace fob::store
