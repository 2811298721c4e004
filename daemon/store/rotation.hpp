// The steps of enrolment and rotation (design.md §7), as functions from one record to the next. Pure: what
// makes a step atomic is that the store replaces one record by the other.
#pragma once

#include "daemon/store/record.hpp"

namespace fob::store::rotation {

/// What an empty slot is called, and what to do about it.
Error empty_slot(const std::string& profile, wire::Slot slot);

/// Puts a credential into `next`; returns its version. One that a bundle brought and that no trial will tell
/// of again (`untested`) takes the bundle's serial at once. An untested one that one with a trial displaces
/// is set aside. Fails with store where the record has had a bundle with this serial or a higher one.
Result<std::uint64_t> stage(Record& record, const Credential& credential, const Origin& origin, WallTime now);

/// `next` becomes `current`, and `current` `previous`. False: `current` is `version` already, and no less is
/// known of it. Fails with another_rotation() where neither slot is.
Result<bool> commit(Record& record, const std::string& profile, std::uint64_t version, Proof proof);

/// Whether `next` was `version`, and so is gone now, and what was set aside for it is back.
bool discard_staged(Record& record, std::uint64_t version);

/// `previous` and `current` change places. What is staged to be promoted by its first success is forgotten.
Result<void> roll_back(Record& record, const std::string& profile);

}  // namespace fob::store::rotation
