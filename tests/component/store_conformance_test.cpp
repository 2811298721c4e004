// What every store has to do, asked of each of them through the face that all use: files, a real keyring on a
// real D-Bus, and systemd's encrypted credentials. What is peculiar to one is in that one's own test.
#include "daemon/store/rotation.hpp"
#include "daemon/store/secret_service.hpp"
#include "daemon/store/systemd_creds.hpp"
#include "tests/support/keyring_session.hpp"
#include "tests/support/store_fixture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace fob::store {
namespace {

namespace fs = std::filesystem;
using config::StoreKind;
using wire::Slot;

using test::credential;

class StoreConformance : public testing::TestWithParam<StoreKind>, public test::StoreFixture {
 protected:
  void SetUp() override {
    if (GetParam() == StoreKind::secret_service) session_.emplace();
  }

  std::unique_ptr<RecordStore> open(StoreKind kind) {
    switch (kind) {
      case StoreKind::file:
        return files();
      case StoreKind::secret_service:
        return std::make_unique<SecretServiceRecords>(state_, config::process_environment);
      case StoreKind::systemd_creds: {
        SystemdCredsSetup setup;
        setup.vault = vault();
        setup.key = SealingKey::host;
        setup.environment = {"SYSTEMD_CREDENTIAL_SECRET=" + (directory_.path() / "host-key").string()};
        return std::make_unique<SystemdCredsRecords>(std::move(setup));
      }
    }
    return nullptr;
  }
  DeviceStore store() override { return store_at({GetParam(), true}); }
  DeviceStore store_at(Home home) {
    std::vector<std::unique_ptr<RecordStore>> stores;
    stores.push_back(open(GetParam()));
    if (GetParam() != StoreKind::file) stores.push_back(open(StoreKind::file));
    return {vault(), home, std::move(stores), clock_};
  }

  std::optional<test::KeyringSession> session_;
};

TEST_P(StoreConformance, GivesBackWhatWasStagedAndCommitted) {
  enrol("prod", "some-id", "some-secret");
  const auto loaded = store().load("prod", Slot::current);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->credential.client_id, "some-id");
  EXPECT_EQ(loaded->credential.secret, SecretBytes::copy_of("some-secret"));
  EXPECT_EQ(loaded->version, 1U);
}

TEST_P(StoreConformance, AStagedCredentialIsNotYetCurrent) {
  enrol("prod", "id", "old");
  ASSERT_TRUE(store().stage("prod", credential("id", "new"), {}));
  EXPECT_EQ(secret_in("prod", Slot::current), "old");
  EXPECT_EQ(secret_in("prod", Slot::next), "new");
}

TEST_P(StoreConformance, CommitMovesNextToCurrentAndCurrentToPrevious) {
  enrol("prod", "id", "first");
  enrol("prod", "id", "second");
  EXPECT_EQ(secret_in("prod", Slot::current), "second");
  EXPECT_EQ(secret_in("prod", Slot::previous), "first");
  EXPECT_FALSE(store().load("prod", Slot::next));
}

TEST_P(StoreConformance, RollBackSwapsCurrentAndPreviousAndCanBeUndone) {
  enrol("prod", "id", "first");
  enrol("prod", "id", "second");
  ASSERT_TRUE(store().roll_back("prod"));
  EXPECT_EQ(secret_in("prod", Slot::current), "first");
  EXPECT_EQ(secret_in("prod", Slot::previous), "second");
  EXPECT_EQ(version_in("prod", Slot::current), 1U);
  ASSERT_TRUE(store().roll_back("prod"));
  EXPECT_EQ(secret_in("prod", Slot::current), "second");
}

TEST_P(StoreConformance, RollBackLeavesWhatIsStaged) {
  enrol("prod", "id", "first");
  enrol("prod", "id", "second");
  ASSERT_TRUE(store().stage("prod", credential("id", "third"), {}));
  ASSERT_TRUE(store().roll_back("prod"));
  EXPECT_EQ(secret_in("prod", Slot::next), "third");
}

TEST_P(StoreConformance, DiscardForgetsOnlyWhatIsStaged) {
  enrol("prod", "id", "first");
  ASSERT_TRUE(store().stage("prod", credential("id", "second"), {}));
  EXPECT_TRUE(store().discard_staged("prod", 2).value());
  EXPECT_FALSE(store().load("prod", Slot::next));
  EXPECT_EQ(secret_in("prod", Slot::current), "first");
  EXPECT_FALSE(store().discard_staged("prod", 2).value());
  EXPECT_FALSE(store().discard_staged("never-seen", 1).value());
}

TEST_P(StoreConformance, OneRotationNeitherCommitsNorDiscardsWhatAnotherStaged) {
  enrol("prod", "id", "first");
  const auto ours = store().stage("prod", credential("id", "ours"), {}).value();
  const auto theirs = store().stage("prod", credential("id", "theirs"), {}).value();
  const auto expect_another = [&] {
    const auto committed = store().commit("prod", ours, store::Proof::accepted);
    ASSERT_FALSE(committed);
    EXPECT_EQ(committed.error().code, ErrorCode::store);
    EXPECT_EQ(committed.error().detail,
              "another rotation of prod is under way; nothing was changed, try again");
  };
  expect_another();
  EXPECT_FALSE(store().discard_staged("prod", ours).value());
  EXPECT_EQ(secret_in("prod", Slot::current), "first");
  EXPECT_EQ(secret_in("prod", Slot::next), "theirs");

  ASSERT_TRUE(store().commit("prod", theirs, store::Proof::accepted));
  expect_another();
  EXPECT_EQ(secret_in("prod", Slot::current), "theirs");
  EXPECT_EQ(secret_in("prod", Slot::previous), "first");
}

TEST_P(StoreConformance, VersionsGrowAndAreNeverUsedAgain) {
  EXPECT_EQ(store().stage("prod", credential("id", "a"), {}).value(), 1U);
  EXPECT_EQ(store().stage("prod", credential("id", "b"), {}).value(), 2U);
  ASSERT_TRUE(store().discard_staged("prod", 2));
  EXPECT_EQ(store().stage("prod", credential("id", "c"), {}).value(), 3U);
  ASSERT_TRUE(store().commit("prod", 3, store::Proof::accepted));
  EXPECT_EQ(version_in("prod", Slot::current), 3U);
  ASSERT_TRUE(store().remove("prod", Unread::keep));
  EXPECT_EQ(store().stage("prod", credential("id", "d"), {}).value(), 4U);
  EXPECT_EQ(store().stage("other", credential("id", "e"), {}).value(), 1U);
}

TEST_P(StoreConformance, RemoveForgetsEverySlotOnce) {
  enrol("prod", "id", "first");
  enrol("prod", "id", "second");
  enrol("other", "id", "kept");
  ASSERT_TRUE(store().remove("prod", Unread::keep));
  for (const Slot slot : {Slot::current, Slot::next, Slot::previous})
    EXPECT_EQ(store().load("prod", slot).error().code, ErrorCode::no_credential);
  EXPECT_EQ(store().remove("prod", Unread::keep).error().code, ErrorCode::no_credential);
  EXPECT_EQ(secret_in("other", Slot::current), "kept");
}

TEST_P(StoreConformance, AnEmptySlotSaysHowToEnrol) {
  expect_refusal("prod", ErrorCode::no_credential, "run: fob credential add prod");
  enrol("other", "id", "secret");
  expect_refusal("prod", ErrorCode::no_credential, "run: fob credential add prod");
  EXPECT_EQ(store().commit("prod", 1, store::Proof::accepted).error().code, ErrorCode::store);
  EXPECT_EQ(store().commit("other", 2, store::Proof::accepted).error().code, ErrorCode::store);
  EXPECT_EQ(store().roll_back("other").error().code, ErrorCode::no_credential);
}

TEST_P(StoreConformance, ListsEverySlotByProfileAndSlotWithoutTheClientId) {
  enrol("b", "id-b", "one");
  clock_.advance(std::chrono::hours(1));
  enrol("b", "id-b2", "two");
  ASSERT_TRUE(store().stage("a", credential("id-a", "three"), {}));
  const auto listing = store().list();
  ASSERT_TRUE(listing);
  EXPECT_TRUE(listing->unreadable.empty());
  const auto& all = listing->slots;
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].profile, "a");
  EXPECT_EQ(all[0].slot, Slot::next);
  EXPECT_EQ(all[1].profile, "b");
  EXPECT_EQ(all[1].slot, Slot::current);
  EXPECT_EQ(all[1].version, 2U);
  EXPECT_EQ(all[1].stored_at, clock_.wall_now());
  EXPECT_EQ(all[2].slot, Slot::previous);
  EXPECT_EQ(all[2].stored_at, clock_.wall_now() - std::chrono::hours(1));
  EXPECT_EQ(all[2].client_id_fingerprint.size(), 8U);
  EXPECT_NE(all[1].client_id_fingerprint, all[2].client_id_fingerprint);
}

TEST_P(StoreConformance, RefusesAnEmptyOrEndlessCredential) {
  EXPECT_EQ(store().stage("prod", credential("", "secret"), {}).error().code, ErrorCode::store);
  EXPECT_EQ(store().stage("prod", credential("id", ""), {}).error().code, ErrorCode::store);
  EXPECT_EQ(store().stage("prod", credential("id", std::string(9000, 's')), {}).error().code,
            ErrorCode::store);
}

TEST_P(StoreConformance, ThreeOfTheLongestCredentialsFit) {
  const std::string longest(k_max_credential_value, 's');
  enrol("prod", "id", longest);
  enrol("prod", "id", longest);
  ASSERT_TRUE(store().stage("prod", credential("id", longest), {}));
  EXPECT_EQ(secret_in("prod", Slot::previous), longest);
}

TEST_P(StoreConformance, ANameThatIsNoProfileNameLeadsNowhere) {
  for (const std::string name : {"", "../prod", "a/b", ".hidden", "a b"}) {
    EXPECT_FALSE(store().stage(name, credential("id", "secret"), {})) << name;
    EXPECT_FALSE(store().load(name, Slot::current)) << name;
    EXPECT_FALSE(store().remove(name, Unread::keep)) << name;
  }
  EXPECT_FALSE(fs::exists(directory_.path() / "prod.vault"));
}

// What a crash and what other writers leave.

// To and from the store of files.

TEST_P(StoreConformance, TakesAProfileFromAnotherStoreAndGivesItBack) {
  if (GetParam() == StoreKind::file) GTEST_SKIP() << "the others move to it";
  const Home files{StoreKind::file, false};
  const auto staged = store_at(files).stage("prod", credential("id", "secret"), {false, 7});
  ASSERT_TRUE(staged);
  ASSERT_TRUE(store_at(files).commit("prod", *staged, store::Proof::accepted));
  ASSERT_EQ(store_at(files).migrate("prod", GetParam()).value(), Move::moved);
  EXPECT_FALSE(fs::exists(state_ / "vault/prod.vault"));
  EXPECT_EQ(secret_in("prod", Slot::current), "secret");
  EXPECT_EQ(store().list()->slots.at(0).store, GetParam());
  EXPECT_EQ(store().bundle_standing("prod", 7)->highest, 7U);
  ASSERT_EQ(store().migrate("prod", StoreKind::file).value(), Move::moved);
  EXPECT_TRUE(open(GetParam())->profiles()->empty());
  EXPECT_EQ(store_at(files).load("prod", Slot::current)->credential.secret, SecretBytes::copy_of("secret"));
}

TEST_P(StoreConformance, NothingOfACredentialLiesInAnyFileInClear) {
  const std::string id = "0f8fad5b-d9cb-469f-a165-70867728950e";
  const std::string secret = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8";
  enrol("prod", id, secret);
  ASSERT_TRUE(store().stage("prod", credential(id, secret), {}));
  std::vector<fs::path> roots = {directory_.path()};
  if (session_) roots.push_back(session_->directory());
  for (const auto& root : roots)
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      const std::string content{std::istreambuf_iterator<char>(in), {}};
      EXPECT_EQ(content.find(id), std::string::npos) << entry.path();
      EXPECT_EQ(content.find(secret.substr(0, 16)), std::string::npos) << entry.path();
    }
}

INSTANTIATE_TEST_SUITE_P(Every, StoreConformance,
                         testing::Values(StoreKind::file, StoreKind::secret_service,
                                         StoreKind::systemd_creds),
                         [](const auto& param) {
                           std::string name(config::to_string(param.param));
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace fob::store
