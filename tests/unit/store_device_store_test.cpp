// The device's store over two record stores in memory: which of them a profile is in, and moving it from one
// to the other, with a crash after each step.
#include "daemon/store/device_store.hpp"
#include "daemon/store/record_text.hpp"
#include "ipc/base/file.hpp"
#include "tests/support/limits.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/temp_directory.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <vector>

namespace fob::store {
namespace {

using config::StoreKind;
using wire::Slot;

// What is left when a process is gone: records as text, and how many writes it may still do.
struct Memory {
  std::map<std::string, std::string> texts;
  bool away = false;
  std::function<void(Record&)> mangle;  ///< what it makes of what it is given
  bool away_after_write = false;
  std::function<void()> before_write = [] {};
};

class MemoryRecords final : public RecordStore {
 public:
  MemoryRecords(StoreKind kind, Memory& memory) : kind_(kind), memory_(memory) {}
  StoreKind kind() const override { return kind_; }
  Result<std::optional<Record>> read(const std::string& profile) override {
    if (memory_.away) return fail(ErrorCode::store_locked, "it is locked");
    const auto found = memory_.texts.find(profile);
    if (found == memory_.texts.end()) return std::optional<Record>();
    auto record = decode_record(found->second, profile);
    if (!record) return record.error();
    return std::optional<Record>(std::move(*record));
  }
  Result<void> replace(const std::string& profile, const Record& record) override {
    memory_.before_write();
    if (memory_.away) return fail(ErrorCode::store_locked, "it is locked");
    const auto text = encode_record(record, profile).value();
    memory_.texts[profile] = std::string(text.reveal());
    if (memory_.mangle) {
      Record other = decode_record(text.reveal(), profile).value();
      memory_.mangle(other);
      memory_.texts[profile] = std::string(encode_record(other, profile).value().reveal());
    }
    memory_.away = memory_.away || memory_.away_after_write;
    return {};
  }
  Result<void> erase(const std::string& profile) override {
    memory_.before_write();
    if (memory_.away) return fail(ErrorCode::store_locked, "it is locked");
    memory_.texts.erase(profile);
    return {};
  }
  Result<std::vector<std::string>> profiles() override {
    if (memory_.away) return fail(ErrorCode::store_locked, "it is locked");
    std::vector<std::string> names;
    for (const auto& [name, text] : memory_.texts) names.push_back(name);
    return names;
  }

 private:
  StoreKind kind_;
  Memory& memory_;
};

class DeviceStoreTest : public testing::Test {
 protected:
  DeviceStore store(Home home = {StoreKind::file, false}) {
    std::vector<std::unique_ptr<RecordStore>> stores;
    stores.push_back(std::make_unique<MemoryRecords>(StoreKind::file, file_));
    stores.push_back(std::make_unique<MemoryRecords>(StoreKind::secret_service, keyring_));
    return {vault(), home, std::move(stores), clock_};
  }
  std::filesystem::path vault() const { return directory_.path() / "state/vault"; }
  void enrol(const std::string& profile, std::string_view secret, Home home = {StoreKind::file, false}) {
    const auto version = store(home).stage(profile, {"id", SecretBytes::copy_of(secret)}, {});
    ASSERT_TRUE(version);
    ASSERT_TRUE(store(home).commit(profile, *version, Proof::accepted));
  }
  std::string current(Home home = {StoreKind::file, false}) {
    const auto loaded = store(home).load("prod", Slot::current);
    return loaded ? std::string(loaded->credential.secret.reveal()) : loaded.error().detail;
  }

  test::TempDirectory directory_;
  test::ManualClock clock_;
  Memory file_, keyring_;
};

constexpr Home k_chosen_keyring{StoreKind::secret_service, false};
constexpr Home k_configured_keyring{StoreKind::secret_service, true};

TEST_F(DeviceStoreTest, AProfileStaysWhereItWasPutWhenABetterStoreComes) {
  enrol("prod", "old");
  EXPECT_EQ(current(k_chosen_keyring), "old");
  enrol("prod", "new", k_chosen_keyring);
  EXPECT_TRUE(keyring_.texts.empty());
  enrol("other", "new", k_chosen_keyring);
  EXPECT_EQ(keyring_.texts.size(), 1U) << "new ones go to the better one";
}

TEST_F(DeviceStoreTest, AConfiguredStoreGetsTheProfileWithItsNextRotation) {
  enrol("prod", "old");
  EXPECT_EQ(current(k_configured_keyring), "old") << "until then it works from where it is";
  enrol("prod", "new", k_configured_keyring);
  EXPECT_TRUE(file_.texts.empty());
  EXPECT_EQ(current(k_configured_keyring), "new");
  EXPECT_EQ(store().load("prod", Slot::previous)->version, 1U) << "its history comes along";
}

TEST_F(DeviceStoreTest, AConfiguredStoreThatIsLockedRefusesTheRotationAndLosesNothing) {
  enrol("prod", "old");
  keyring_.away = true;
  const auto staged = store(k_configured_keyring).stage("prod", {"id", SecretBytes::copy_of("new")}, {});
  ASSERT_FALSE(staged);
  EXPECT_EQ(staged.error().detail, "it is locked");
  EXPECT_EQ(current(k_configured_keyring), "old");
}

TEST_F(DeviceStoreTest, MigratesWithEverySlotAndLeavesNoCopy) {
  enrol("prod", "old");
  enrol("prod", "new");
  EXPECT_EQ(store().migrate("prod", StoreKind::secret_service).value(), Move::moved);
  EXPECT_TRUE(file_.texts.empty());
  EXPECT_EQ(current(), "new");
  EXPECT_EQ(store().load("prod", Slot::previous)->version, 1U);
  EXPECT_EQ(store().migrate("prod", StoreKind::secret_service).value(), Move::was_there);
  EXPECT_EQ(store().migrate("prod", StoreKind::file).value(), Move::moved);
  EXPECT_TRUE(keyring_.texts.empty());
}

TEST_F(DeviceStoreTest, TellsWhereAProfilesCredentialsAreWhileThereAreAny) {
  EXPECT_EQ(store().whereabouts("prod").value(), std::nullopt);
  enrol("prod", "old");
  EXPECT_EQ(store().whereabouts("prod").value(), StoreKind::file);
  EXPECT_EQ(store().migrate("prod", StoreKind::secret_service).value(), Move::moved);
  EXPECT_EQ(store().whereabouts("prod").value(), StoreKind::secret_service);
  ASSERT_TRUE(store().remove("prod", Unread::keep));
  EXPECT_EQ(store().whereabouts("prod").value(), std::nullopt) << "what is left are counters";
}

TEST_F(DeviceStoreTest, MigrationRefusesWhatIsNotThereAndStoresThatAreNot) {
  EXPECT_EQ(store().migrate("prod", StoreKind::secret_service).error().code, ErrorCode::no_credential);
  enrol("prod", "old");
  EXPECT_EQ(store().migrate("other", StoreKind::secret_service).error().code, ErrorCode::no_credential);
  EXPECT_EQ(store().migrate("prod", StoreKind::systemd_creds).error().code, ErrorCode::config);
  EXPECT_EQ(store().migrate("../prod", StoreKind::file).error().code, ErrorCode::store);
}

TEST_F(DeviceStoreTest, AStoreThatGivesBackSomethingElseGetsNothing) {
  enrol("prod", "old");
  enrol("prod", "new");
  ASSERT_TRUE(store().stage("prod", {"id", SecretBytes::copy_of("waits")}, {true, 7}));
  ASSERT_TRUE(store().stage("prod", {"id", SecretBytes::copy_of("tried")}, {}));
  const std::string before = file_.texts.at("prod");
  const auto current_of = [](Record& record) -> KeptCredential& { return record.slots.at(Slot::current); };
  const std::vector<std::function<void(Record&)>> manglings = {
      [](Record& record) { record.counter += 8; },
      [](Record& record) { record.bundle_serial += 8; },
      [](Record& record) { record.set_aside.reset(); },
      [](Record& record) { record.set_aside->credential.secret = SecretBytes::copy_of("other"); },
      [](Record& record) { record.slots.erase(Slot::previous); },
      [&](Record& record) { current_of(record).version -= 1; },
      [&](Record& record) { current_of(record).stored_at += std::chrono::milliseconds(1); },
      [&](Record& record) { current_of(record).origin.bundle_serial = 8; },
      [&](Record& record) { current_of(record).credential.client_id = "other"; },
      [&](Record& record) { current_of(record).credential.secret = SecretBytes::copy_of("other"); },
      [](Record& record) {
        auto staged = record.slots.extract(Slot::next);
        record.slots.erase(Slot::previous);
        staged.key() = Slot::previous;
        record.slots.insert(std::move(staged));
      }};
  for (std::size_t i = 0; i < manglings.size(); ++i) {
    keyring_.mangle = manglings[i];
    const auto moved = store().migrate("prod", StoreKind::secret_service);
    ASSERT_FALSE(moved) << i;
    EXPECT_NE(moved.error().detail.find("prod stays in the store \"file\""), std::string::npos) << i;
    EXPECT_EQ(file_.texts.at("prod"), before) << i;
    EXPECT_TRUE(keyring_.texts.empty()) << i;
  }
  keyring_.mangle = nullptr;
  EXPECT_EQ(store().migrate("prod", StoreKind::secret_service).value(), Move::moved);
  EXPECT_EQ(keyring_.texts.at("prod"), before);
}

TEST_F(DeviceStoreTest, ACopyThatCannotBeReadBackCountsForNothing) {
  enrol("prod", "old");
  keyring_.away_after_write = true;
  EXPECT_EQ(store().migrate("prod", StoreKind::secret_service).error().detail, "it is locked");
  EXPECT_EQ(current(), "old");
  EXPECT_FALSE(store().list()->notes.empty()) << "it may be there";
  keyring_.away = keyring_.away_after_write = false;
  enrol("prod", "new");
  EXPECT_TRUE(keyring_.texts.empty()) << "and goes with the next step";
}

TEST_F(DeviceStoreTest, ThereIsNoOtherMoveWhileAnOldCopyIsElsewhere) {
  Memory sealed;
  const auto three = [&] {
    std::vector<std::unique_ptr<RecordStore>> stores;
    stores.push_back(std::make_unique<MemoryRecords>(StoreKind::file, file_));
    stores.push_back(std::make_unique<MemoryRecords>(StoreKind::secret_service, keyring_));
    stores.push_back(std::make_unique<MemoryRecords>(StoreKind::systemd_creds, sealed));
    return DeviceStore(vault(), {StoreKind::file, false}, std::move(stores), clock_);
  };
  enrol("prod", "old");
  keyring_.before_write = [this] { file_.away = true; };
  ASSERT_EQ(three().migrate("prod", StoreKind::secret_service).value(), Move::moved_copy_stays);
  const auto refused = three().migrate("prod", StoreKind::systemd_creds);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::store_locked);
  EXPECT_NE(refused.error().detail.find("an old copy of prod is still in the store \"file\""),
            std::string::npos);
  EXPECT_TRUE(sealed.texts.empty());
  file_.away = false;
  EXPECT_EQ(three().migrate("prod", StoreKind::systemd_creds).value(), Move::moved);
  EXPECT_EQ(file_.texts.size() + keyring_.texts.size(), 0U);
}

TEST_F(DeviceStoreTest, WhereNothingIsToBeMovedTheConfiguredStoreIsBegunWith) {
  ASSERT_TRUE(store().stage("prod", {"id", SecretBytes::copy_of("s")}, {true, 7}));
  file_.texts["prod"] = "garbage";
  ASSERT_TRUE(store().remove("prod", Unread::keep)) << "it is damaged";
  EXPECT_EQ(store(k_configured_keyring).stage("prod", {"id", SecretBytes::copy_of("new")}, {}).value(), 2U);
  EXPECT_TRUE(file_.texts.empty());
  EXPECT_EQ(keyring_.texts.size(), 1U);
}

TEST_F(DeviceStoreTest, AProfileWithoutAPlaceMovesToTheConfiguredStoreAllTheSame) {
  enrol("prod", "old");
  std::filesystem::remove(vault() / "placement.json");
  enrol("prod", "new", k_configured_keyring);
  EXPECT_TRUE(file_.texts.empty());
  EXPECT_EQ(store(k_configured_keyring).load("prod", Slot::previous)->version, 1U);
}

TEST_F(DeviceStoreTest, AStoreThatIsAwayStopsEachStepAndLosesNothing) {
  enrol("prod", "old");
  const std::string before = file_.texts.at("prod");
  file_.away = true;
  EXPECT_EQ(store(k_configured_keyring).stage("prod", {"id", SecretBytes::copy_of("new")}, {}).error().detail,
            "it is locked")
      << "what is to be moved cannot be read";
  EXPECT_EQ(store().migrate("prod", StoreKind::secret_service).error().detail, "it is locked");
  EXPECT_EQ(store().commit("prod", 1, Proof::accepted).error().detail, "it is locked");
  EXPECT_EQ(store().remove("prod", Unread::forget).error().detail, "it is locked") << "nor can it be erased";
  std::filesystem::remove(vault() / "placement.json");
  EXPECT_EQ(store().load("prod", Slot::current).error().detail, "it is locked") << "it may be there";
  EXPECT_EQ(file_.texts.at("prod"), before);
  EXPECT_TRUE(keyring_.texts.empty());
}

TEST_F(DeviceStoreTest, WhereThePlacementCannotBeWrittenNothingIsChanged) {
  enrol("prod", "old");
  const std::string before = file_.texts.at("prod");
  {
    const test::FullDisk full;
    EXPECT_FALSE(store().stage("prod", {"id", SecretBytes::copy_of("new")}, {}));
    EXPECT_FALSE(store().migrate("prod", StoreKind::secret_service));
    EXPECT_TRUE(keyring_.texts.empty()) << "a copy is announced before it is made";
  }
  std::optional<test::FullDisk> full;
  keyring_.before_write = [&] { full.emplace(); };
  EXPECT_FALSE(store().migrate("prod", StoreKind::secret_service)) << "the disk is full by then";
  full.reset();
  keyring_.before_write = [] {};
  EXPECT_EQ(current(), "old");
  EXPECT_EQ(file_.texts.at("prod"), before);
  enrol("prod", "new");
  EXPECT_EQ(current(), "new");
  EXPECT_TRUE(keyring_.texts.empty()) << "the copy that did not count is gone";
}

TEST_F(DeviceStoreTest, ALeftoverThatCannotBeNotedAsGoneStopsTheStep) {
  enrol("prod", "old");
  keyring_.before_write = [this] { file_.away = true; };
  ASSERT_EQ(store().migrate("prod", StoreKind::secret_service).value(), Move::moved_copy_stays);
  file_.away = false;
  keyring_.before_write = [] {};
  const test::FullDisk full;
  EXPECT_FALSE(store().stage("prod", {"id", SecretBytes::copy_of("new")}, {}));
  EXPECT_FALSE(store().commit("prod", 1, Proof::accepted));
  EXPECT_FALSE(store().migrate("prod", StoreKind::file));
  EXPECT_EQ(current(), "old");
}

TEST_F(DeviceStoreTest, WhatABundleBroughtIsToldByItsSerial) {
  enrol("prod", "old");
  ASSERT_TRUE(store().stage("prod", {"id", SecretBytes::copy_of("of-5")}, {false, 5}));
  const auto standing = store().bundle_standing("prod", 5).value();
  EXPECT_EQ(standing.slot, Slot::next);
  EXPECT_EQ(standing.version, 2U);
  EXPECT_TRUE(standing.on_trial);
  EXPECT_FALSE(store().bundle_standing("prod", 4)->slot) << "of another one nothing is there";
  EXPECT_FALSE(store().bundle_standing("prod", 0)->slot) << "0 is none";
  ASSERT_TRUE(store().commit("prod", 2, Proof::accepted));
  EXPECT_EQ(store().bundle_standing("prod", 5)->slot, Slot::current);
  EXPECT_FALSE(store().bundle_standing("prod", 5)->on_trial);
}

TEST_F(DeviceStoreTest, AnOldCopyThatCannotBeDeletedIsNamedAndGoesWithTheNextStep) {
  enrol("prod", "old");
  keyring_.before_write = [this] { file_.away = true; };  // from then on
  file_.before_write = [] {};
  // The file store fails while its copy is to be deleted: it was still readable before.
  EXPECT_EQ(store().migrate("prod", StoreKind::secret_service).value(), Move::moved_copy_stays);
  EXPECT_EQ(current(), "old");
  EXPECT_EQ(file_.texts.size(), 1U);
  const auto listing = store().list().value();
  ASSERT_FALSE(listing.notes.empty());
  EXPECT_NE(listing.notes.back().find("an old copy may still be in the store \"file\""), std::string::npos);

  file_.away = false;
  keyring_.before_write = [] {};
  EXPECT_EQ(store().migrate("prod", StoreKind::secret_service).value(), Move::was_there);
  EXPECT_TRUE(file_.texts.empty());
  EXPECT_TRUE(store().list()->unreadable.empty());
}

TEST_F(DeviceStoreTest, ACopyThatCouldNotBeMadeLeavesNothingToTell) {
  enrol("prod", "old");
  keyring_.away = true;
  EXPECT_EQ(store().migrate("prod", StoreKind::secret_service).error().detail, "it is locked");
  EXPECT_TRUE(store().list()->notes.empty());
}

TEST_F(DeviceStoreTest, AProfileWhoseKeyringIsGoneForGoodCanBeForgottenAndEnrolledAnew) {
  enrol("prod", "old", k_chosen_keyring);
  keyring_.away = true;
  constexpr Home k_files{StoreKind::file, true};
  EXPECT_EQ(store(k_files).remove("prod", Unread::keep).error().code, ErrorCode::store_locked);
  ASSERT_TRUE(store(k_files).remove("prod", Unread::forget));
  enrol("prod", "new", k_files);
  EXPECT_EQ(current(k_files), "new");
  EXPECT_EQ(store(k_files).load("prod", Slot::current)->version, 2U);
  EXPECT_FALSE(store(k_files).list()->notes.empty()) << "a copy may still be there";
  keyring_.away = false;
  enrol("prod", "newer", k_files);
  EXPECT_TRUE(keyring_.texts.empty());
}

TEST_F(DeviceStoreTest, WhatWasLostBeginsNeitherVersionsNorSerialsAnew) {
  ASSERT_TRUE(store().stage("prod", {"id", SecretBytes::copy_of("s")}, {true, 7}));
  file_.texts["prod"] = "garbage";
  ASSERT_TRUE(store().remove("prod", Unread::keep)) << "it is damaged";
  EXPECT_EQ(store().bundle_standing("prod", 7)->highest, 7U);
  EXPECT_FALSE(store().stage("prod", {"id", SecretBytes::copy_of("s")}, {false, 7}));
  EXPECT_EQ(store().stage("prod", {"id", SecretBytes::copy_of("s")}, {}).value(), 2U);
}

TEST_F(DeviceStoreTest, AProfileWithoutAPlaceIsFoundInTheFiles) {
  enrol("prod", "old");
  std::filesystem::remove(vault() / "placement.json");
  EXPECT_EQ(current(k_chosen_keyring), "old");
  enrol("prod", "new", k_chosen_keyring);
  EXPECT_TRUE(keyring_.texts.empty());
  EXPECT_EQ(store().load("prod", Slot::current)->version, 2U);
}

struct Crash {};

TEST_F(DeviceStoreTest, ACrashAtAnyWriteOfAMoveLeavesAWorkingCredentialInOnePlace) {
  for (int survived = 0; survived < 3; ++survived) {
    file_.texts.clear();
    keyring_.texts.clear();
    std::filesystem::remove_all(directory_.path() / "state");
    enrol("prod", "old");
    int left = survived;
    const auto crash = [&left] {
      if (left-- == 0) throw Crash();
    };
    file_.before_write = keyring_.before_write = crash;
    bool crashed = false;
    try {
      (void)store().migrate("prod", StoreKind::secret_service);
    } catch (const Crash&) {
      crashed = true;
    }
    file_.before_write = keyring_.before_write = [] {};
    EXPECT_EQ(crashed, survived < 2);
    EXPECT_EQ(current(), "old") << survived;
    enrol("prod", "new");
    EXPECT_EQ(current(), "new");
    EXPECT_EQ(file_.texts.size() + keyring_.texts.size(), 1U) << "the next step tidies up";
  }
}

TEST_F(DeviceStoreTest, ListsEachProfileOnceWithItsStore) {
  enrol("a", "1");
  enrol("b", "2", k_chosen_keyring);
  keyring_.texts["a"] = file_.texts["a"];  // a copy that does not count
  const auto listing = store().list().value();
  ASSERT_EQ(listing.slots.size(), 2U);
  EXPECT_EQ(listing.slots[0].store, StoreKind::file);
  EXPECT_EQ(listing.slots[1].store, StoreKind::secret_service);
}

TEST_F(DeviceStoreTest, AStoreThatIsAwayHidesNotTheOthers) {
  enrol("a", "1");
  enrol("b", "2", k_chosen_keyring);
  keyring_.away = true;
  const auto listing = store().list().value();
  ASSERT_EQ(listing.slots.size(), 1U);
  EXPECT_EQ(listing.unreadable.at(0).detail, "it is locked");
}

TEST_F(DeviceStoreTest, RecordsThatCannotBeReadAreToldOnceForEachReason) {
  for (const auto* profile : {"a", "b", "c"}) enrol(profile, "s");
  file_.texts["a"] = file_.texts["b"] = "garbage";
  file_.texts["c"] = "{}";
  file_.texts["d"] = "not even enrolled";
  std::filesystem::remove(vault() / "placement.json");
  const auto listing = store().list().value();
  ASSERT_EQ(listing.unreadable.size(), 3U);
  EXPECT_NE(listing.unreadable[0].detail, listing.unreadable[1].detail);
  EXPECT_TRUE(listing.slots.empty());
}

TEST_F(DeviceStoreTest, TheDevicesOwnKeysAreNoCredentialToShow) {
  enrol(k_device_identity, "seed");
  EXPECT_TRUE(store().list()->slots.empty());
}

TEST_F(DeviceStoreTest, TellsWhatIsStagedAndWhichBundleWasTaken) {
  EXPECT_EQ(store().staged("prod").error().code, ErrorCode::no_credential);
  EXPECT_EQ(store().bundle_standing("prod", 7)->highest, 0U);
  ASSERT_TRUE(store().stage("prod", {"id", SecretBytes::copy_of("s")}, {true, 7}));
  EXPECT_EQ(store().staged("prod")->version, 1U);
  EXPECT_TRUE(store().staged("prod")->origin.untested);
  EXPECT_EQ(store().bundle_standing("prod", 7)->highest, 7U);
}

TEST_F(DeviceStoreTest, APlacementThatIsNotOneSaysWhatToDo) {
  enrol("prod", "old");
  for (const char* text : {"", "{}", R"({"fob_placement":2,"profiles":{}})",
                           R"({"fob_placement":1,"profiles":{"prod":{"store":"cloud"}}})",
                           R"({"fob_placement":1,"profiles":{"../x":{"store":"file"}}})",
                           R"({"fob_placement":1,"profiles":{"prod":{"store":"file","more":1}}})"}) {
    ASSERT_TRUE(replace_file(vault() / "placement.json", text, 0600, ErrorCode::store));
    const auto loaded = store().load("prod", Slot::current);
    ASSERT_FALSE(loaded) << text;
    EXPECT_EQ(loaded.error().code, ErrorCode::store_locked);
    EXPECT_NE(loaded.error().detail.find("placement.json cannot be used"), std::string::npos);
    EXPECT_NE(loaded.error().detail.find("delete the file"), std::string::npos);
  }
}

}  // namespace
}  // namespace fob::store
