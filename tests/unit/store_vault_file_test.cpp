// The vault file's format: what is bound to what, so that nothing in it can be moved, mixed or turned back.
#include "daemon/store/vault_file.hpp"
#include "ipc/wire/json.hpp"

#include <gtest/gtest.h>

namespace fob::store {
namespace {

using wire::Json;
using wire::Slot;

class VaultFileTest : public testing::Test {
 protected:
  SealedSlot sealed(std::string_view secret, Slot slot, std::uint64_t version,
                    std::string_view profile = "prod") {
    return seal_slot({"id", SecretBytes::copy_of(secret)}, {profile, slot}, version,
                     WallTime(std::chrono::hours(1)), key_)
        .value();
  }
  // Two slots of one profile, as they lie in its file.
  VaultFile two_slots() {
    VaultFile file;
    file.counter = 2;
    file.slots.emplace(Slot::current, sealed("new", Slot::current, 2));
    file.slots.emplace(Slot::previous, sealed("old", Slot::previous, 1));
    return file;
  }
  std::string encoded() { return encode_vault_file(two_slots(), "prod", key_); }
  bool opens(const Json& json) { return decode_vault_file(json.dump(), "prod", key_).has_value(); }

  SecretBytes key_ = SecretBytes::copy_of("0123456789abcdefghijklmnopqrstuv");
};

TEST_F(VaultFileTest, RoundTrip) {
  const auto file = decode_vault_file(encoded(), "prod", key_);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->counter, 2U);
  ASSERT_EQ(file->slots.size(), 2U);
  const auto opened = open_slot(file->slots.at(Slot::previous), {"prod", Slot::previous}, key_);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->client_id, "id");
  EXPECT_EQ(opened->secret, SecretBytes::copy_of("old"));
}

TEST_F(VaultFileTest, ABoxOpensInItsOwnPlaceOnly) {
  auto slot = sealed("secret", Slot::next, 7);
  EXPECT_TRUE(open_slot(slot, {"prod", Slot::next}, key_));
  EXPECT_FALSE(open_slot(slot, {"prod", Slot::current}, key_));
  EXPECT_FALSE(open_slot(slot, {"staging", Slot::next}, key_));
  EXPECT_FALSE(open_slot(slot, {"prod", Slot::next}, SecretBytes::copy_of(std::string(32, 'x'))));
  slot.version = 8;
  EXPECT_FALSE(open_slot(slot, {"prod", Slot::next}, key_));
  slot.version = 7;
  slot.stored_at += std::chrono::milliseconds(1);
  EXPECT_FALSE(open_slot(slot, {"prod", Slot::next}, key_));
}

TEST_F(VaultFileTest, TheCounterCannotBeTurnedBack) {
  Json json = Json::parse(encoded());
  EXPECT_TRUE(opens(json));
  json["counter"] = 1;
  EXPECT_FALSE(opens(json));
}

TEST_F(VaultFileTest, SlotsCannotBeSwappedDroppedOrTakenFromAnOlderFile) {
  const Json json = Json::parse(encoded());
  Json swapped = json;
  std::swap(swapped["slots"]["current"], swapped["slots"]["previous"]);
  EXPECT_FALSE(opens(swapped));
  Json dropped = json;
  dropped["slots"].erase("current");
  EXPECT_FALSE(opens(dropped));
  Json mixed = json;
  mixed["slots"]["current"] = Json::parse(encoded())["slots"]["current"];
  EXPECT_FALSE(opens(mixed)) << "though that slot is a genuine one of the same place and version";
  Json added = json;
  added["note"] = "hello";
  EXPECT_FALSE(opens(added));
}

TEST_F(VaultFileTest, WithoutItsSealItIsNothing) {
  Json json = Json::parse(encoded());
  json.erase("seal");
  EXPECT_FALSE(opens(json));
  json["seal"] = "text";
  EXPECT_FALSE(opens(json));
  json["seal"] = {{"nonce", ""}, {"tag", ""}};
  EXPECT_FALSE(opens(json));
}

TEST_F(VaultFileTest, TextThatIsNoVaultFileSaysWhatItIs) {
  const auto reason = [&](std::string_view text) {
    return decode_vault_file(text, "prod", key_).error().detail;
  };
  EXPECT_NE(reason("").find("not a vault file"), std::string::npos);
  EXPECT_NE(reason("{\"fob_vault\":2}").find("of this version"), std::string::npos);
  EXPECT_NE(reason("{\"fob_vault\":1,\"profile\":\"x\"}").find("for profile \"x\""), std::string::npos);
  EXPECT_NE(reason("{\"fob_vault\":1,\"profile\":\"prod\"}").find("incomplete"), std::string::npos);
  EXPECT_NE(
      reason("{\"fob_vault\":1,\"profile\":\"prod\",\"counter\":1,\"slots\":{\"spare\":{}}}").find("slot"),
      std::string::npos);
  EXPECT_NE(reason(std::string(k_max_vault_file + 1, ' ')).find("larger"), std::string::npos);
}

}  // namespace
}  // namespace fob::store
