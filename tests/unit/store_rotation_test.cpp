// The steps of rotation on a record: what the conformance test of the stores does not ask.
#include "daemon/store/rotation.hpp"

#include <gtest/gtest.h>

namespace fob::store {
namespace {

using wire::Slot;

Credential credential(std::string_view secret) { return {"id", SecretBytes::copy_of(secret)}; }

Result<std::uint64_t> stage(Record& record, std::string_view secret, Origin origin) {
  return rotation::stage(record, credential(secret), origin, WallTime());
}

TEST(Rotation, CommittingWhatIsCurrentAlreadyChangesNothing) {
  Record record;
  const auto version = stage(record, "a", {}).value();
  EXPECT_TRUE(rotation::commit(record, "prod", version, Proof::accepted).value());
  EXPECT_FALSE(rotation::commit(record, "prod", version, Proof::accepted).value());
  EXPECT_EQ(record.slots.size(), 1U);
}

TEST(Rotation, WhatWasCommittedCountsAsTested) {
  Record record;
  const auto version = stage(record, "a", {true, 0}).value();
  EXPECT_TRUE(record.slots.at(Slot::next).origin.untested);
  ASSERT_TRUE(rotation::commit(record, "prod", version, Proof::accepted));
  EXPECT_FALSE(record.slots.at(Slot::current).origin.untested);
}

TEST(Rotation, ABundleThatWasCommittedIsNotTakenAgainNorALowerOne) {
  Record record;
  const auto version = stage(record, "a", {false, 7}).value();
  EXPECT_EQ(record.bundle_serial, 0U) << "its trial may fail, and then it may come again";
  ASSERT_TRUE(rotation::commit(record, "prod", version, Proof::accepted));
  EXPECT_EQ(record.bundle_serial, 7U);
  for (const std::uint64_t serial : {7U, 6U})
    EXPECT_EQ(stage(record, "b", {false, serial}).error().code, ErrorCode::store);
  EXPECT_TRUE(stage(record, "b", {false, 8}));
  EXPECT_TRUE(stage(record, "c", {})) << "an operator needs no serial";
}

TEST(Rotation, ABundleThatIsStagedUntestedCountsAtOnce) {
  Record record;
  ASSERT_TRUE(stage(record, "a", {true, 7}));
  EXPECT_EQ(record.bundle_serial, 7U);
  EXPECT_FALSE(stage(record, "a", {true, 7}));
}

TEST(Rotation, RollBackForgetsWhatWouldPromoteItselfAndLeavesARotationUnderWay) {
  for (const bool untested : {true, false}) {
    Record record;
    for (const char* secret : {"a", "b"})
      ASSERT_TRUE(rotation::commit(record, "prod", stage(record, secret, {}).value(), Proof::accepted));
    ASSERT_TRUE(stage(record, "c", {untested, 0}));
    ASSERT_TRUE(rotation::roll_back(record, "prod"));
    EXPECT_EQ(record.slots.contains(Slot::next), !untested);
  }
}

TEST(Rotation, RollBackTurnsBackNeitherCounterNorSerial) {
  Record record;
  for (const std::uint64_t serial : {1U, 2U})
    ASSERT_TRUE(
        rotation::commit(record, "prod", stage(record, "a", {false, serial}).value(), Proof::accepted));
  ASSERT_TRUE(rotation::roll_back(record, "prod"));
  EXPECT_EQ(record.slots.at(Slot::current).version, 1U);
  EXPECT_EQ(record.bundle_serial, 2U);
  EXPECT_EQ(record.counter, 2U);
}

TEST(Rotation, ATrialThatFailsGivesBackWhatWaitedForItsFirstSuccess) {
  Record record;
  const auto waiting = stage(record, "waits", {true, 8}).value();
  const auto tried = stage(record, "tried", {false, 9}).value();
  ASSERT_TRUE(rotation::discard_staged(record, tried));
  ASSERT_TRUE(record.slots.contains(Slot::next));
  EXPECT_EQ(record.slots.at(Slot::next).version, waiting);
  EXPECT_TRUE(record.slots.at(Slot::next).origin.untested);
  ASSERT_TRUE(rotation::commit(record, "prod", stage(record, "better", {}).value(), Proof::accepted));
  EXPECT_FALSE(record.slots.contains(Slot::next));
  EXPECT_FALSE(record.set_aside);
}

}  // namespace
}  // namespace fob::store
