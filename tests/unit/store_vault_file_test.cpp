// The vault file's format: what it is bound to, and that nothing but our own opens.
#include "daemon/store/vault_file.hpp"
#include "ipc/wire/json.hpp"

#include <gtest/gtest.h>

namespace fob::store {
namespace {

using wire::Json;
using wire::Slot;

class VaultFileTest : public testing::Test {
 protected:
  static Record record() {
    Record record{2, 0, {}};
    record.slots.emplace(
        Slot::current,
        KeptCredential{{"id", SecretBytes::copy_of("new")}, 2, WallTime(std::chrono::hours(1)), {}});
    record.slots.emplace(Slot::previous,
                         KeptCredential{{"id", SecretBytes::copy_of("old")}, 1, WallTime(), {}});
    return record;
  }
  std::string sealed(std::string_view profile = "prod") {
    return seal_record(record(), profile, key_).value();
  }
  std::string reason(std::string_view text, std::string_view profile = "prod") {
    const auto opened = open_record(text, profile, key_);
    return opened ? "" : opened.error().detail;
  }

  SecretBytes key_ = SecretBytes::copy_of("0123456789abcdefghijklmnopqrstuv");
};

TEST_F(VaultFileTest, RoundTrip) {
  const auto opened = open_record(sealed(), "prod", key_);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->counter, 2U);
  ASSERT_EQ(opened->slots.size(), 2U);
  EXPECT_EQ(opened->slots.at(Slot::previous).credential.secret, SecretBytes::copy_of("old"));
  EXPECT_EQ(opened->slots.at(Slot::current).stored_at, WallTime(std::chrono::hours(1)));
}

TEST_F(VaultFileTest, OpensForItsOwnProfileOnly) {
  EXPECT_EQ(reason(sealed("staging")), "it was written for profile \"staging\"");
  Json renamed = Json::parse(sealed("staging"));
  renamed["profile"] = "prod";
  EXPECT_NE(reason(renamed.dump()).find("does not open"), std::string::npos)
      << "the box is bound to its profile";
}

TEST_F(VaultFileTest, DoesNotOpenWithAnotherKey) {
  const std::string text = sealed();
  key_ = SecretBytes::copy_of("vutsrqponmlkjihgfedcba9876543210");
  EXPECT_NE(reason(text).find("does not open"), std::string::npos);
  key_ = SecretBytes::copy_of("short");
  EXPECT_NE(reason(text), "");
}

TEST_F(VaultFileTest, ShowsNeitherIdsNorVersions) {
  const auto json = Json::parse(sealed());
  EXPECT_EQ(json.size(), 4U);
  EXPECT_EQ(json["fob_vault"], 1);
}

TEST_F(VaultFileTest, NeverLooksTheSameTwice) { EXPECT_NE(sealed(), sealed()); }

TEST_F(VaultFileTest, RefusesWhatIsNotExactlySuchAFile) {
  const Json whole = Json::parse(sealed());
  for (const char* member : {"fob_vault", "profile", "nonce", "box"}) {
    Json without = whole;
    without.erase(member);
    EXPECT_NE(reason(without.dump()), "") << member;
  }
  Json more = whole;
  more["more"] = 1;
  EXPECT_EQ(reason(more.dump()), "it holds something unknown");
  Json later = whole;
  later["fob_vault"] = 2;
  EXPECT_EQ(reason(later.dump()), "it is not a vault file of this version of fob");
  for (const char* box : {"", "AAAA", "not base64!"}) {
    Json other = whole;
    other["box"] = box;
    EXPECT_NE(reason(other.dump()), "") << box;
  }
  EXPECT_NE(reason(""), "");
  EXPECT_NE(reason("[]"), "");
}

}  // namespace
}  // namespace fob::store
