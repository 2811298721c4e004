// What every step of the device's store refuses: names that lead nowhere, a placement that makes no sense, a
// vault that is none, a store that this build does not have. And that nothing has changed then.
#include "daemon/store/placement.hpp"
#include "daemon/store/record_text.hpp"
#include "ipc/base/file.hpp"
#include "ipc/wire/json.hpp"
#include "tests/support/store_fixture.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <map>

namespace fob::store {
namespace {

using test::credential;
using ::testing::HasSubstr;
using wire::Slot;

template <class T>
std::optional<Error> error_of(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error());
}

class StoreRefusalsTest : public test::StoreFixture, public ::testing::Test {
 protected:
  DeviceStore store() override { return store_of_files(); }

  // Each step by its name, and its error.
  std::map<std::string, std::optional<Error>> errors(const std::string& profile) {
    return {{"load", error_of(store().load(profile, Slot::current))},
            {"stage", error_of(store().stage(profile, credential("id", "new"), {}))},
            {"commit", error_of(store().commit(profile, 2, Proof::accepted))},
            {"discard", error_of(store().discard_staged(profile, 2))},
            {"roll back", error_of(store().roll_back(profile))},
            {"remove", error_of(store().remove(profile, Unread::keep))},
            {"whereabouts", error_of(store().whereabouts(profile))},
            {"staged", error_of(store().staged(profile))},
            {"bundle", error_of(store().bundle_standing(profile, 1))},
            {"migrate", error_of(store().migrate(profile, config::StoreKind::file))}};
  }
  std::string record() const {
    std::ifstream file(vault() / "prod.vault", std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

TEST_F(StoreRefusalsTest, ANameThatIsNoProfileNameIsRefusedByEachStep) {
  for (const std::string name : {"", "../prod", "a/b", ".hidden"})
    for (const auto& [step, error] : errors(name)) {
      ASSERT_TRUE(error) << step << " " << name;
      EXPECT_EQ(error->code, ErrorCode::store) << step;
      EXPECT_EQ(error->detail, "that is not a profile name") << step;
    }
}

TEST_F(StoreRefusalsTest, APlacementThatMakesNoSenseStopsEachStepAndChangesNothing) {
  enrol("prod", "id", "old");
  const std::string before = record();
  ASSERT_FALSE(before.empty());
  ASSERT_TRUE(replace_file(vault() / "placement.json", "{", 0600, ErrorCode::store));
  for (const auto& [step, error] : errors("prod")) {
    ASSERT_TRUE(error) << step;
    EXPECT_EQ(error->code, ErrorCode::store_locked) << step;
    EXPECT_THAT(error->detail, HasSubstr("placement.json cannot be used")) << step;
  }
  EXPECT_FALSE(store().list());
  EXPECT_EQ(record(), before);
}

TEST_F(StoreRefusalsTest, APlaceThatThisBuildDoesNotHaveIsNamed) {
  enrol("prod", "id", "old");
  const std::string before = record();
  ASSERT_TRUE(write_placement(vault(), {{"prod", {config::StoreKind::secret_service, std::nullopt, 1, 0}}}));
  for (const auto& [step, error] : errors("prod")) {
    ASSERT_TRUE(error) << step;
    EXPECT_EQ(error->code, ErrorCode::config) << step;
    EXPECT_THAT(error->detail, HasSubstr("which this build of fob does not have")) << step;
  }
  EXPECT_EQ(record(), before);
}

TEST_F(StoreRefusalsTest, AVaultThatIsNoDirectoryStopsEachStepAndSaysSo) {
  std::filesystem::create_directories(state_);
  ASSERT_TRUE(replace_file(vault(), "", 0600, ErrorCode::store));
  for (const auto& [step, error] : errors("prod")) {
    ASSERT_TRUE(error) << step;
    EXPECT_THAT(error->detail, HasSubstr(vault().string())) << step;
  }
  EXPECT_THAT(store().load("prod", Slot::current).error().detail, HasSubstr("is not a directory"));
}

TEST_F(StoreRefusalsTest, ARecordThatIsDamagedStopsEachStepThatReadsItAndChangesNothing) {
  enrol("prod", "id", "old");
  ASSERT_TRUE(replace_file(vault() / "prod.vault", "{}", 0600, ErrorCode::store));
  auto all = errors("prod");
  EXPECT_FALSE(all["remove"]) << "which is the way out";
  enrol("prod", "id", "again");
  ASSERT_TRUE(replace_file(vault() / "prod.vault", "{}", 0600, ErrorCode::store));
  all = {{"load", error_of(store().load("prod", Slot::current))},
         {"stage", error_of(store().stage("prod", credential("id", "new"), {}))},
         {"commit", error_of(store().commit("prod", 2, Proof::accepted))},
         {"discard", error_of(store().discard_staged("prod", 2))},
         {"roll back", error_of(store().roll_back("prod"))},
         {"whereabouts", error_of(store().whereabouts("prod"))},
         {"staged", error_of(store().staged("prod"))},
         {"bundle", error_of(store().bundle_standing("prod", 1))}};
  for (const auto& [step, error] : all) {
    ASSERT_TRUE(error) << step;
    EXPECT_EQ(error->code, ErrorCode::store_damaged) << step;
  }
  EXPECT_EQ(record(), "{}");
}

TEST_F(StoreRefusalsTest, WithoutARecordThereIsNothingToDoAndEachStepSaysWhatIsMissing) {
  for (const bool vault_is_there : {false, true}) {
    if (vault_is_there) enrol("other", "id", "x");
    EXPECT_FALSE(store().commit("prod", 1, Proof::accepted)) << vault_is_there;
    EXPECT_FALSE(store().discard_staged("prod", 1).value()) << vault_is_there;
    EXPECT_EQ(store().roll_back("prod").error().code, ErrorCode::no_credential);
    EXPECT_EQ(store().remove("prod", Unread::keep).error().code, ErrorCode::no_credential);
    EXPECT_EQ(store().staged("prod").error().code, ErrorCode::no_credential);
    EXPECT_FALSE(store().whereabouts("prod").value());
    EXPECT_EQ(store().bundle_standing("prod", 1)->highest, 0U);
  }
}

TEST_F(StoreRefusalsTest, ARotationThatIsNotThisOneIsNeitherCommittedNorDiscardedNorTurnedBack) {
  enrol("prod", "id", "old");
  EXPECT_EQ(store().staged("prod").error().code, ErrorCode::no_credential) << "nothing is staged any more";
  EXPECT_EQ(store().roll_back("prod").error().code, ErrorCode::no_credential) << "there is none before it";
  ASSERT_TRUE(store().stage("prod", credential("id", "new"), {}));
  EXPECT_FALSE(store().commit("prod", 7, Proof::accepted));
  EXPECT_FALSE(store().discard_staged("prod", 7).value());
  EXPECT_EQ(secret_in("prod", Slot::next), "new");
  EXPECT_TRUE(store().discard_staged("prod", 2).value());
}

TEST(Placement, ComesBackAsItWasWritten) {
  const Placement placement = {{"a", {config::StoreKind::file, std::nullopt, 3, 4}},
                               {"b", {config::StoreKind::secret_service, config::StoreKind::file, 0, 0}}};
  EXPECT_EQ(decode_placement(encode_placement(placement)).value(), placement);
}

TEST(Placement, RefusesWhatIsNotExactlyOne) {
  const auto entry = [](const std::string& text) {
    return R"({"fob_placement":1,"profiles":{"p":)" + text + "}}";
  };
  ASSERT_TRUE(decode_placement(entry(R"({"store":"file","version":1,"bundle_serial":0})")));
  for (const auto& bad : {
           std::string(R"({"profiles":{}})"),
           std::string(R"({"fob_placement":1})"),
           std::string(R"({"fob_placement":1,"profiles":[]})"),
           std::string(R"({"fob_placement":1,"profiles":{},"more":1})"),
           entry("7"),
           entry("{}"),
           entry(R"({"store":"file","bundle_serial":0})"),
           entry(R"({"store":"file","version":-1,"bundle_serial":0})"),
           entry(R"({"store":"file","version":1})"),
           entry(R"({"store":"file","version":1,"bundle_serial":-1})"),
           entry(R"({"store":"file","version":1,"bundle_serial":0,"leftover":"cloud"})"),
           entry(R"({"store":"file","version":1,"bundle_serial":0,"leftover":7})"),
           entry(R"({"store":7,"version":1,"bundle_serial":0})"),
       })
    EXPECT_FALSE(decode_placement(bad)) << bad;
}

TEST(RecordText, LackingAnyMemberIsRefused) {
  Record record{3, 7, {}, std::nullopt};
  record.slots.emplace(Slot::current, KeptCredential{credential("id", "secret"), 2, WallTime(), {true, 7}});
  record.set_aside = KeptCredential{credential("id", "aside"), 1, WallTime(), {true, 0}};
  const auto text = std::string(encode_record(record, "p").value().reveal());
  ASSERT_TRUE(decode_record(text, "p"));
  const wire::Json whole = wire::Json::parse(text);
  const auto refused = [](const wire::Json& json) { return !decode_record(json.dump(), "p"); };
  for (const auto* member : {"fob_record", "profile", "counter", "bundle_serial", "slots"}) {
    wire::Json less = whole;
    less.erase(member);
    EXPECT_TRUE(refused(less)) << member;
    wire::Json other = whole;
    other[member] = nullptr;
    EXPECT_TRUE(refused(other)) << member;
  }
  for (const auto* member :
       {"client_id", "client_secret", "version", "stored_at_ms", "bundle_serial", "untested"}) {
    for (const bool aside : {false, true}) {
      wire::Json less = whole;
      (aside ? less["set_aside"] : less["slots"]["current"]).erase(member);
      EXPECT_TRUE(refused(less)) << member;
      wire::Json other = whole;
      (aside ? other["set_aside"] : other["slots"]["current"])[member] = "";
      EXPECT_TRUE(refused(other)) << member;
    }
  }
  wire::Json odd = whole;
  odd["slots"]["current"] = 7;
  EXPECT_TRUE(refused(odd));
  wire::Json endless = whole;
  endless["counter"] = 9223372036854775808ULL;
  EXPECT_TRUE(refused(endless)) << "more than a version can be";
}

TEST(RecordText, WhatWasSetAsideMustBeACredentialToo) {
  Record record{3, 7, {}, KeptCredential{credential("", "aside"), 1, WallTime(), {true, 0}}};
  EXPECT_FALSE(encode_record(record, "p"));
}

}  // namespace
}  // namespace fob::store
