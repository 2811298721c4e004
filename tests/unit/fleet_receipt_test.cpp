// Receipts: one exact line, and nothing else is taken for one.
#include "daemon/fleet/limits.hpp"
#include "daemon/fleet/receipt.hpp"
#include "ipc/wire/json.hpp"
#include "tests/unit/fleet_bundle_maker.hpp"

#include <gtest/gtest.h>

namespace fob::fleet {
namespace {

using wire::Json;

Receipt receipt() {
  return {"headset-a",
          "prod-query",
          7,
          Outcome::refused,
          "expired",
          "It is over.",
          test::at("2026-03-02T08:00:00Z"),
          3,
          "prod.fobbundle"};
}
bool refused_with(const char* name, const Json& value) {
  Json json = Json::parse(encode_receipt(receipt()));
  json[name] = value;
  return !decode_receipt(json.dump());
}

TEST(Receipt, IsOneLineOfJson) {
  EXPECT_EQ(encode_receipt(receipt()),
            R"({"fob_receipt":1,"device":"headset-a","profile":"prod-query","serial":7,"outcome":"refused",)"
            R"("reason":"expired","detail":"It is over.","time":"2026-03-02T08:00:00Z","version":3,)"
            R"("bundle":"prod.fobbundle"})"
            "\n");
  EXPECT_EQ(decode_receipt(encode_receipt(receipt())).value(), receipt());
}

TEST(Receipt, EachOutcomeHasAWord) {
  for (std::size_t i = 0; i < k_outcomes; ++i) {
    Receipt one = receipt();
    one.outcome = static_cast<Outcome>(i);
    EXPECT_EQ(decode_receipt(encode_receipt(one)).value(), one);
  }
  EXPECT_EQ(outcome_from("nonsense"), std::nullopt);
}

TEST(Receipt, OfAFileThatIsNoBundleHasNoProfile) {
  Receipt one = receipt();
  one.profile = "";
  one.serial = 0;
  EXPECT_EQ(decode_receipt(encode_receipt(one)).value(), one);
}

TEST(Receipt, TheLongestStillFits) {
  Receipt one = receipt();
  one.device = one.profile = std::string(64, 'd');
  one.reason = std::string(k_max_reason, 'r');
  one.detail = std::string(5000, '\xff');
  one.bundle = std::string(5000, '\xff');
  const std::string text = encode_receipt(one);
  EXPECT_LE(text.size(), k_max_receipt);
  EXPECT_TRUE(decode_receipt(text));
  one.detail = std::string(5000, '"');
  one.bundle = std::string(5000, '\n');
  EXPECT_EQ(decode_receipt(encode_receipt(one)).value().bundle, std::string(k_max_bundle_name, ' '));
}

TEST(Receipt, AnythingElseIsRefused) {
  const Json good = Json::parse(encode_receipt(receipt()));
  for (const auto& [name, value] : good.items()) {
    Json without = good;
    without.erase(name);
    EXPECT_FALSE(decode_receipt(without.dump())) << name;
    for (const Json& wrong : {Json(nullptr), Json(-1), Json(1.5), Json(true), Json::array()})
      EXPECT_TRUE(refused_with(name.c_str(), wrong)) << name << wrong;
  }
  EXPECT_TRUE(refused_with("device", "../x"));
  EXPECT_TRUE(refused_with("profile", "a b"));
  EXPECT_TRUE(refused_with("outcome", "Applied"));
  EXPECT_TRUE(refused_with("reason", "two words"));
  EXPECT_TRUE(refused_with("serial", k_max_serial + 1));
  EXPECT_TRUE(refused_with("fob_receipt", 2));
  EXPECT_TRUE(refused_with("more", 1));
  EXPECT_FALSE(decode_receipt(""));
  EXPECT_FALSE(decode_receipt(encode_receipt(receipt()) + std::string(k_max_receipt, ' ')));
}

TEST(Receipt, ControlCharactersNeverReachATerminal) {
  Json json = Json::parse(encode_receipt(receipt()));
  json["detail"] = "\x1b[2Jgone";
  EXPECT_EQ(decode_receipt(json.dump()).value().detail, " [2Jgone");
}

}  // namespace
}  // namespace fob::fleet
