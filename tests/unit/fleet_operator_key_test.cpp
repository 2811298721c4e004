// The operator's key file: plain or under a passphrase, and no file can make us work without end.
#include "daemon/fleet/operator_key.hpp"
#include "ipc/wire/json.hpp"
#include "tests/unit/fleet_bundle_maker.hpp"

#include <gtest/gtest.h>

namespace fob::fleet {
namespace {

using wire::Json;

constexpr KdfCost k_cheap{1, 8192};

class OperatorKeyTest : public testing::Test {
 protected:
  std::string locked() const {
    return std::string(encode_operator_key(key_, &phrase_, k_cheap).value().reveal());
  }
  std::string plain() const { return std::string(encode_operator_key(key_, nullptr).value().reveal()); }
  std::string fault(const std::string& text) const {
    const auto key = decode_operator_key(text, &phrase_);
    return key ? "" : key.error().detail;
  }
  std::string fault_with(const char* name, const Json& value) const {
    Json json = Json::parse(locked());
    json[name] = value;
    return fault(json.dump());
  }

  OperatorKey key_ = test::operator_key();
  SecretBytes phrase_ = SecretBytes::copy_of("correct horse battery staple");
};

TEST_F(OperatorKeyTest, APlainFileIsTheKey) {
  EXPECT_EQ(plain(), R"({"fob_operator_key":1,"public":"A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=",)"
                     R"("seed":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="})"
                     "\n");
  EXPECT_FALSE(wants_passphrase(plain()).value());
  const auto key = decode_operator_key(plain(), nullptr);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->public_key, key_.public_key);
  EXPECT_EQ(key->secret, key_.secret);
}

TEST_F(OperatorKeyTest, ALockedFileOpensWithItsPassphraseOnly) {
  EXPECT_TRUE(wants_passphrase(locked()).value());
  EXPECT_EQ(decode_operator_key(locked(), &phrase_).value().secret, key_.secret);
  const auto other = SecretBytes::copy_of("incorrect horse");
  EXPECT_EQ(decode_operator_key(locked(), &other).error().detail,
            "the passphrase is wrong, or the key file was damaged");
  EXPECT_EQ(decode_operator_key(locked(), nullptr).error().detail, "this key file wants a passphrase");
  EXPECT_NE(locked(), locked()) << "a fresh salt each time";
}

TEST_F(OperatorKeyTest, TheUsualCostIsModerate) {
  const auto text = encode_operator_key(key_, &phrase_).value();
  const Json json = Json::parse(text.reveal());
  EXPECT_EQ(json["passes"], crypto_pwhash_OPSLIMIT_MODERATE);
  EXPECT_EQ(json["memory"], crypto_pwhash_MEMLIMIT_MODERATE);
  EXPECT_TRUE(decode_operator_key(text.reveal(), &phrase_));
}

TEST_F(OperatorKeyTest, AFileCannotAskForMoreThanIsAllowed) {
  const auto too_much = [&](const char* name, const Json& value) {
    return fault_with(name, value).find("more work") != std::string::npos;
  };
  EXPECT_TRUE(too_much("memory", std::uint64_t{1} << 31));
  EXPECT_TRUE(too_much("memory", std::uint64_t{1} << 63));
  EXPECT_TRUE(too_much("memory", 0));
  EXPECT_TRUE(too_much("memory", -1));
  EXPECT_TRUE(too_much("passes", 17));
  EXPECT_TRUE(too_much("passes", 0));
  EXPECT_TRUE(too_much("passes", "3"));
  EXPECT_FALSE(encode_operator_key(key_, &phrase_, {17, 8192}));
  EXPECT_FALSE(encode_operator_key(key_, &phrase_, {1, std::size_t{1} << 31}));
}

TEST_F(OperatorKeyTest, AnythingElseIsNoKeyFile) {
  for (const char* name : {"fob_operator_key", "public", "kdf", "salt", "nonce", "box"})
    for (const Json& wrong : {Json(nullptr), Json(2), Json(""), Json("AAAA"), Json::array(), Json::object()})
      EXPECT_NE(fault_with(name, wrong).find("no operator's key"), std::string::npos) << name << wrong;
  EXPECT_NE(fault_with("more", 1).find("no operator's key"), std::string::npos);
  EXPECT_NE(fault_with("seed", Json::parse(plain())["seed"]).find("no operator's key"), std::string::npos)
      << "either the seed or a box";
  for (const std::string text : {"", "{}", "[]", "text", R"({"fob_operator_key":1})"})
    EXPECT_NE(fault(text).find("no operator's key"), std::string::npos) << text;
  EXPECT_NE(fault(plain() + std::string(4096, ' ')).find("no operator's key"), std::string::npos);
  EXPECT_FALSE(wants_passphrase("{}"));
}

TEST_F(OperatorKeyTest, APublicKeyOfAnotherIsNoticed) {
  const std::string other = to_base64(test::operator_key(9).public_key);
  EXPECT_NE(fault_with("public", other).find("contradicts itself"), std::string::npos);
}

TEST_F(OperatorKeyTest, AnEmptyPassphraseIsNone) {
  const SecretBytes empty;
  EXPECT_FALSE(encode_operator_key(key_, &empty, k_cheap));
  EXPECT_FALSE(decode_operator_key(locked(), &empty));
  const SecretBytes long_one(1025);
  EXPECT_FALSE(encode_operator_key(key_, &long_one, k_cheap));
}

TEST_F(OperatorKeyTest, FreshKeysDiffer) {
  EXPECT_NE(make_operator_key().public_key, make_operator_key().public_key);
  EXPECT_FALSE(operator_key_from(SecretBytes(31)));
  EXPECT_EQ(public_key_from(to_base64(key_.public_key)), key_.public_key);
  EXPECT_FALSE(public_key_from("A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg"));
  EXPECT_FALSE(public_key_from(""));
}

}  // namespace
}  // namespace fob::fleet
