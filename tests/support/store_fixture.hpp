// What tests of the credential stores say again and again, over whichever store the test opens.
#pragma once

#include "daemon/store/device_store.hpp"
#include "daemon/store/file_records.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/temp_directory.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fob::test {

inline store::Credential credential(const std::string& id, std::string_view secret) {
  return {id, SecretBytes::copy_of(secret)};
}

class StoreFixture {
 protected:
  /// The store in question, opened anew at each call, as each command does.
  virtual store::DeviceStore store() = 0;
  virtual ~StoreFixture() = default;

  std::filesystem::path vault() const { return state_ / "vault"; }
  std::unique_ptr<store::RecordStore> files() const {
    return std::make_unique<store::FileRecords>(
        vault(), store::find_vault_key({}, state_, [](const char*) { return std::nullopt; }));
  }
  store::DeviceStore store_of_files() const {
    std::vector<std::unique_ptr<store::RecordStore>> stores;
    stores.push_back(files());
    return {vault(), {}, std::move(stores), clock_};
  }
  void enrol(const std::string& profile, const std::string& id, std::string_view secret) {
    const auto version = store().stage(profile, credential(id, secret), {});
    ASSERT_TRUE(version) << version.error().detail;
    ASSERT_TRUE(store().commit(profile, *version, store::Proof::accepted));
  }
  std::string secret_in(const std::string& profile, wire::Slot slot) {
    const auto loaded = store().load(profile, slot);
    return loaded ? std::string(loaded->credential.secret.reveal()) : loaded.error().detail;
  }
  std::uint64_t version_in(const std::string& profile, wire::Slot slot) {
    const auto loaded = store().load(profile, slot);
    return loaded ? loaded->version : 0;
  }
  void expect_refusal(const std::string& profile, ErrorCode code, const std::string& words) {
    const auto loaded = store().load(profile, wire::Slot::current);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, code);
    EXPECT_NE(loaded.error().detail.find(words), std::string::npos) << loaded.error().detail;
  }

  TempDirectory directory_;
  std::filesystem::path state_ = directory_.path() / "state";
  ManualClock clock_;
};

}  // namespace fob::test
