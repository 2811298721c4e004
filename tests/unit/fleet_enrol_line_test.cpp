// Identity and enrolment: what a device says of itself, and that no byte of it can be another.
#include "daemon/fleet/enrol_line.hpp"
#include "daemon/fleet/limits.hpp"
#include "ipc/wire/json.hpp"
#include "tests/unit/fleet_bundle_maker.hpp"

#include <gtest/gtest.h>

namespace fob::fleet {
namespace {

using wire::Json;

const Time k_enrolled = test::at("2026-01-31T12:00:00Z");

std::string line() { return encode_enrol_line(test::device("headset-a", 0x20), k_enrolled); }
std::string fault(const std::string& text) {
  const auto parsed = parse_enrol_line(text);
  return parsed ? "" : parsed.error().detail;
}

TEST(Identity, EachSecretGivesOtherKeys) {
  const auto secret = make_identity_secret();
  EXPECT_EQ(secret.size(), k_identity_secret);
  EXPECT_FALSE(secret == make_identity_secret());
  const auto one = identity_from("a", secret), same = identity_from("a", secret);
  EXPECT_EQ(one->box_key, same->box_key);
  EXPECT_EQ(one->sign_key, same->sign_key);
  EXPECT_NE(one->box_key, test::device("a", 0x20).box_key);
  EXPECT_NE(one->box_key, one->sign_key);
}

TEST(Identity, NeedsANameAndAWholeSecret) {
  EXPECT_FALSE(identity_from("", make_identity_secret()));
  EXPECT_FALSE(identity_from("../x", make_identity_secret()));
  EXPECT_FALSE(identity_from(std::string(65, 'a'), make_identity_secret()));
  EXPECT_FALSE(identity_from("a", SecretBytes(63)));
  EXPECT_FALSE(identity_from("a", SecretBytes()));
}

TEST(EnrolLine, TellsNameAndKeys) {
  const auto identity = test::device("headset-a", 0x20);
  const auto device = parse_enrol_line(line());
  ASSERT_TRUE(device);
  EXPECT_EQ(device->id, "headset-a");
  EXPECT_EQ(device->box_key, identity.box_key);
  EXPECT_EQ(device->sign_key, identity.sign_key);
  EXPECT_EQ(device->enrolled, k_enrolled);
  EXPECT_EQ(line().find('\n'), std::string::npos);
}

TEST(EnrolLine, AnyAlteredByteIsRefused) {
  const std::string good = line();
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const char flip : {'\x01', '\x80', '\x20'}) {
      std::string text = good;
      text[i] = static_cast<char>(text[i] ^ flip);
      EXPECT_FALSE(parse_enrol_line(text)) << "byte " << i << ": " << text;
    }
  }
}

TEST(EnrolLine, EachMemberIsSigned) {
  const Json good = Json::parse(line());
  const Json other =
      Json::parse(encode_enrol_line(test::device("headset-b", 0x60), test::at("2026-01-31T12:00:01Z")));
  for (const char* name : {"device", "box_key", "sign_key", "enrolled", "signature"}) {
    Json mixed = good;
    mixed[name] = other[name];
    EXPECT_NE(fault(mixed.dump()).find("signature does not fit"), std::string::npos) << name;
    mixed.erase(name);
    EXPECT_FALSE(parse_enrol_line(mixed.dump())) << name;
    mixed[name] = 7;
    EXPECT_FALSE(parse_enrol_line(mixed.dump())) << name;
  }
}

TEST(EnrolLine, TextThatIsNoneSaysSo) {
  Json json = Json::parse(line());
  json["note"] = "hello";
  EXPECT_NE(fault(json.dump()).find("unknown member \"note\""), std::string::npos);
  EXPECT_NE(fault("").find("no enrol line"), std::string::npos);
  EXPECT_NE(fault("{}").find("of this version"), std::string::npos);
  EXPECT_NE(fault("[" + line() + "]").find("no enrol line"), std::string::npos);
  EXPECT_NE(fault(std::string(k_max_enrol_line + 1, ' ')).find("larger"), std::string::npos);
}

}  // namespace
}  // namespace fob::fleet
