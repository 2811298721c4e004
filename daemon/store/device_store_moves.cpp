// How a profile leaves a store: it is forgotten, or moves to another. The placement is the journal: a copy is
// announced before it is made and counts only once it was read back, and what is left of it is known until it
// is gone.
#include "daemon/store/device_store.hpp"
#include "daemon/store/rotation.hpp"

#include <algorithm>

namespace fob::store {
namespace {

using wire::Slot;

bool same(const KeptCredential& a, const KeptCredential& b) {
  return a.version == b.version && a.stored_at == b.stored_at && a.origin == b.origin &&
         a.credential.client_id == b.credential.client_id && a.credential.secret == b.credential.secret;
}

bool same(const Record& a, const Record& b) {
  if (a.set_aside.has_value() != b.set_aside.has_value()) return false;
  if (a.set_aside && !same(*a.set_aside, *b.set_aside)) return false;
  return a.counter == b.counter && a.bundle_serial == b.bundle_serial &&
         std::equal(
             a.slots.begin(), a.slots.end(), b.slots.begin(), b.slots.end(),
             [](const auto& x, const auto& y) { return x.first == y.first && same(x.second, y.second); });
}

}  // namespace

Result<void> DeviceStore::remove(const std::string& profile, Unread unread) {
  const auto changed = change(profile, [&](std::optional<Record>& record) -> Result<bool> {
    if (!record || record->slots.empty()) return rotation::empty_slot(profile, Slot::current);
    record->slots.clear();
    record->set_aside.reset();
    return true;
  });
  if (changed) return {};
  const ErrorCode why = changed.error().code;
  if (why == ErrorCode::store_locked && unread == Unread::keep)
    return fail(why, changed.error().detail +
                         "; nothing was removed; to forget it unread: fob credential remove " + profile +
                         " --force");
  if (why != ErrorCode::store_damaged && why != ErrorCode::store_locked) return changed.error();
  const auto locked = lock(false);
  if (!locked) return locked.error();
  auto placement = read_placement(vault_);
  if (!placement) return placement.error();
  return forget_record(*placement, profile);
}

// To forget it is all that is left to do, and the way to enrol again. What its counters were stays known.
Result<void> DeviceStore::forget_record(Placement& placement, const std::string& profile) const {
  const auto store = placed(placement, profile);
  if (!store) return store.error();
  const auto erased = (*store)->erase(profile);
  if (erased || (*store)->kind() == home_.store) return erased;
  Place& place = placement[profile];
  place.store = home_.store;
  place.leftover = (*store)->kind();
  return write_placement(vault_, placement);
}

Result<void> DeviceStore::forget_leftover(Placement& placement, const std::string& profile) const {
  const auto found = placement.find(profile);
  if (found == placement.end() || !found->second.leftover) return {};
  auto* const store = store_of(*found->second.leftover);
  if (store == nullptr || !store->erase(profile)) return {};
  found->second.leftover.reset();
  return write_placement(vault_, placement);
}

Result<void> DeviceStore::move(Placement& placement, const std::string& profile, RecordStore& from,
                               RecordStore& to) const {
  const auto leftover = placement.contains(profile) ? placement.at(profile).leftover : std::nullopt;
  if (leftover && *leftover != to.kind())
    return fail(ErrorCode::store_locked, "an old copy of " + profile + " is still in " +
                                             store_named(*leftover) +
                                             "; it must be reachable before there is another move");
  if (auto copied = copy(placement, profile, from, to); !copied) return copied;
  placement[profile].store = to.kind();
  placement[profile].leftover = from.kind();
  if (auto noted = write_placement(vault_, placement); !noted) return noted;
  return forget_leftover(placement, profile);
}

// On failure nothing is left of the copy, or it is noted that something may be.
Result<void> DeviceStore::copy(Placement& placement, const std::string& profile, RecordStore& from,
                               RecordStore& to) const {
  const auto record = from.read(profile);
  if (!record || !*record) return record ? Result<void>() : Result<void>(record.error());
  Place& place = placement[profile];
  place.store = from.kind();
  place.leftover = to.kind();
  if (auto noted = write_placement(vault_, placement); !noted) return noted;
  auto copied = to.replace(profile, **record);
  if (copied) {
    const auto again = to.read(profile);
    if (again && *again && same(**record, **again)) return {};
    copied = again ? fail(ErrorCode::store, store_named(to.kind()) +
                                                " gives back something else than was put into it; " +
                                                profile + " stays in " + store_named(from.kind()))
                   : again.error();
  } else if (copied.error().code == ErrorCode::store_locked) {
    place.leftover.reset();  // it was never written to
    if (auto noted = write_placement(vault_, placement); !noted) return noted;
  }
  if (auto forgotten = forget_leftover(placement, profile); !forgotten) return forgotten;
  return copied;
}

Result<Move> DeviceStore::migrate(const std::string& profile, config::StoreKind to) {
  if (!wire::is_profile_name(profile)) return fail(ErrorCode::store, "that is not a profile name");
  auto* const target = store_of(to);
  if (target == nullptr) return fail(ErrorCode::config, "this build of fob has not " + store_named(to));
  const auto locked = lock(false);
  if (!locked) return locked.error();
  if (!*locked) return rotation::empty_slot(profile, Slot::current);
  auto placement = read_placement(vault_);
  if (!placement) return placement.error();
  if (auto forgotten = forget_leftover(*placement, profile); !forgotten) return forgotten.error();
  const auto store = placed(*placement, profile);
  if (!store) return store.error();
  const auto record = (*store)->read(profile);
  if (!record) return record.error();
  if (!*record) return rotation::empty_slot(profile, Slot::current);
  if (*store == target) return Move::was_there;
  if (auto moved = move(*placement, profile, **store, *target); !moved) return moved.error();
  return placement->at(profile).leftover ? Move::moved_copy_stays : Move::moved;
}

}  // namespace fob::store
