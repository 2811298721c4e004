#include "daemon/store/rotation.hpp"

#include <algorithm>
#include <utility>

namespace fob::store::rotation {
namespace {

using wire::Slot;

bool holds(const Record& record, Slot slot, std::uint64_t version) {
  const auto found = record.slots.find(slot);
  return found != record.slots.end() && found->second.version == version;
}

// `from` becomes `current`, and what was `current` becomes `previous`.
void make_current(Record& record, Slot from) {
  auto risen = record.slots.extract(from);
  auto replaced = record.slots.extract(Slot::current);
  record.slots.erase(Slot::previous);
  risen.key() = Slot::current;
  record.slots.insert(std::move(risen));
  if (replaced.empty()) return;
  replaced.key() = Slot::previous;
  record.slots.insert(std::move(replaced));
}

}  // namespace

Error empty_slot(const std::string& profile, Slot slot) {
  const std::string name = "profile " + profile;
  if (slot == Slot::current)
    return fail(ErrorCode::no_credential, name + " has no credential; run: fob credential add " + profile);
  return fail(ErrorCode::no_credential,
              name + (slot == Slot::next ? " has no staged credential" : " has no previous credential") +
                  "; see what it has: fob credential list");
}

Result<std::uint64_t> stage(Record& record, const Credential& credential, const Origin& origin,
                            WallTime now) {
  if (origin.bundle_serial != 0 && origin.bundle_serial <= record.bundle_serial)
    return fail(ErrorCode::store, "this profile has already taken the bundle with serial " +
                                      std::to_string(record.bundle_serial));
  if (origin.untested) record.bundle_serial = std::max(record.bundle_serial, origin.bundle_serial);
  const std::uint64_t version = ++record.counter;
  KeptCredential kept{
      {credential.client_id, SecretBytes::copy_of(credential.secret.reveal())}, version, now, origin};
  auto displaced = record.slots.extract(Slot::next);
  const bool waits = !displaced.empty() && displaced.mapped().origin.untested;
  if (origin.untested) {
    record.set_aside.reset();
  } else if (waits) {
    record.set_aside = std::move(displaced.mapped());
  }
  record.slots.emplace(Slot::next, std::move(kept));
  return version;
}

Result<bool> commit(Record& record, const std::string& profile, std::uint64_t version, Proof proof) {
  if (holds(record, Slot::current, version)) {
    bool& untested = record.slots.at(Slot::current).origin.untested;
    return proof == Proof::accepted && std::exchange(untested, false);
  }
  if (!holds(record, Slot::next, version)) return another_rotation(profile);
  make_current(record, Slot::next);
  record.set_aside.reset();
  Origin& origin = record.slots.at(Slot::current).origin;
  origin.untested = proof == Proof::none;
  record.bundle_serial = std::max(record.bundle_serial, origin.bundle_serial);
  return true;
}

bool discard_staged(Record& record, std::uint64_t version) {
  if (!holds(record, Slot::next, version)) return false;
  record.slots.erase(Slot::next);
  if (record.set_aside) record.slots.emplace(Slot::next, std::move(*record.set_aside));
  record.set_aside.reset();
  return true;
}

Result<void> roll_back(Record& record, const std::string& profile) {
  if (!record.slots.contains(Slot::previous)) return empty_slot(profile, Slot::previous);
  make_current(record, Slot::previous);
  // Else its first success would undo what was just decided.
  const auto staged = record.slots.find(Slot::next);
  if (staged != record.slots.end() && staged->second.origin.untested) record.slots.erase(staged);
  record.set_aside.reset();
  return {};
}

}  // namespace fob::store::rotation
