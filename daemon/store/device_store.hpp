// All of a device's credentials: each profile's record in the store where it was put, and the steps of
// enrolment and rotation on it. A step reads the record, changes it and replaces it in one go, so that a
// crash at any instant leaves the record before or the one after.
//
// Writers take turns by flock(2) on STATE/vault, whichever stores they write to; readers need no lock.
#pragma once

#include "daemon/store/placement.hpp"
#include "daemon/store/record.hpp"
#include "ipc/base/unique_fd.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace fob::store {

/// Where a profile's first credential goes.
struct Home {
  config::StoreKind store = config::StoreKind::file;
  bool configured = false;  ///< then a profile that is elsewhere moves there with its next rotation
};

class DeviceStore final : public CredentialStore {
 public:
  /// Touches nothing. `vault` is STATE/vault; `stores` has one of each kind at most, and `home` among them.
  DeviceStore(std::filesystem::path vault, Home home, std::vector<std::unique_ptr<RecordStore>> stores,
              const Clock& clock);

  Result<StoredCredential> load(const std::string& profile, wire::Slot slot) override;
  Result<std::uint64_t> stage(const std::string& profile, const Credential& credential,
                              const Origin& origin) override;
  Result<void> commit(const std::string& profile, std::uint64_t version, Proof proof) override;
  Result<bool> discard_staged(const std::string& profile, std::uint64_t version) override;
  Result<void> roll_back(const std::string& profile) override;
  /// Leaves a record without slots that keeps the counters.
  Result<void> remove(const std::string& profile, Unread unread) override;
  Result<Listing> list() override;

  Result<std::optional<config::StoreKind>> whereabouts(const std::string& profile) override;
  Result<StagedCredential> staged(const std::string& profile) override;
  Result<BundleStanding> bundle_standing(const std::string& profile, std::uint64_t serial) override;
  Result<Move> migrate(const std::string& profile, config::StoreKind to) override;

 private:
  RecordStore* store_of(config::StoreKind kind) const;
  /// The store that the placement means, else the one whose files hold the profile, else the home. Fails
  /// with config where this build has no such store.
  Result<RecordStore*> placed(const Placement& placement, const std::string& profile) const;
  Result<std::optional<Record>> read(const std::string& profile);
  /// The writers' lock; empty if there is no vault and `make` is false.
  Result<UniqueFd> lock(bool make) const;
  /// Writes a record that was changed, and notes its counters: what was lost once must not begin anew.
  Result<void> write(RecordStore& store, Placement& placement, const std::string& profile,
                     const Record& record) const;
  /// Changes the profile's record by `step`, which says whether there is anything to write.
  Result<bool> change(const std::string& profile,
                      const std::function<Result<bool>(std::optional<Record>&)>& step);
  /// Deletes what is left of a move, where it can be reached; list() names what cannot.
  Result<void> forget_leftover(Placement& placement, const std::string& profile) const;
  Result<void> forget_record(Placement& placement, const std::string& profile) const;
  Result<void> move(Placement& placement, const std::string& profile, RecordStore& from,
                    RecordStore& to) const;
  Result<void> copy(Placement& placement, const std::string& profile, RecordStore& from,
                    RecordStore& to) const;
  void list_store(RecordStore& store, const Placement& placement, Listing& listing) const;

  std::filesystem::path vault_;
  Home home_;
  std::vector<std::unique_ptr<RecordStore>> stores_;
  const Clock& clock_;
};

}  // namespace fob::store
