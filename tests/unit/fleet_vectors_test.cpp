// The test vectors of docs/fleet-bundle.md, read from the document itself, so that it cannot grow stale. All
// that is deterministic is made anew and compared byte for byte; the boxes are, once their ephemeral keys
// are.
#include "daemon/fleet/bundle_reader.hpp"
#include "daemon/fleet/enrol_line.hpp"
#include "tests/unit/fleet_bundle_maker.hpp"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <vector>

namespace fob::fleet {
namespace {

// Every "    name = value" of the document; the values of a name that comes again are one value.
std::map<std::string, std::string> vectors() {
  const auto document = std::filesystem::path(FOB_SOURCE_DIR) / "docs" / "fleet-bundle.md";
  std::ifstream file(document);
  EXPECT_TRUE(file) << document;
  std::map<std::string, std::string> values;
  for (std::string line; std::getline(file, line);) {
    const auto equals = line.find(" = ");
    if (!line.starts_with("    ") || equals == std::string::npos) continue;
    const std::string name = line.substr(4, equals - 4);
    if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") != std::string::npos) continue;
    values[name] += line.substr(equals + 3);
  }
  return values;
}

class VectorsTest : public testing::Test {
 protected:
  std::string text(const std::string& name) const {
    const auto found = vectors_.find(name);
    return found == vectors_.end() ? throw std::logic_error("no vector " + name) : found->second;
  }
  // A value in hex.
  std::string bytes(const std::string& name) const {
    const std::string hex = text(name);
    std::string binary(hex.size() / 2, '\0');
    std::size_t size = 0;
    EXPECT_EQ(sodium_hex2bin(reinterpret_cast<unsigned char*>(binary.data()), binary.size(), hex.data(),
                             hex.size(), nullptr, &size, nullptr),
              0);
    EXPECT_EQ(size, binary.size()) << name;
    return binary;
  }
  SecretBytes secret(const std::string& name) const { return SecretBytes::copy_of(bytes(name)); }
  PublicKey key(const std::string& name) const { return public_key_from(text(name)).value(); }
  DeviceIdentity device(const std::string& letter) const {
    return identity_from("headset-" + letter, secret(letter + "_secret")).value();
  }
  std::string box(const std::string& letter) const;

  std::map<std::string, std::string> vectors_ = vectors();
};

// A sealed box as crypto_box_seal makes it, but with the document's ephemeral key.
std::string VectorsTest::box(const std::string& letter) const {
  PublicKey ephemeral{};
  SecretBytes ephemeral_secret(crypto_box_SECRETKEYBYTES);
  crypto_box_seed_keypair(ephemeral.data(), ephemeral_secret.bytes().data(),
                          secret(letter + "_ephemeral_seed").bytes().data());
  const PublicKey recipient = device(letter).box_key;
  std::array<unsigned char, crypto_box_NONCEBYTES> nonce{};
  crypto_generichash_state state;
  crypto_generichash_init(&state, nullptr, 0, nonce.size());
  crypto_generichash_update(&state, ephemeral.data(), ephemeral.size());
  crypto_generichash_update(&state, recipient.data(), recipient.size());
  crypto_generichash_final(&state, nonce.data(), nonce.size());

  std::string plain = text(letter + "_payload") + '\x80';
  plain.resize(test::small_bundle().header.box_bytes - crypto_box_SEALBYTES, '\0');
  std::string box(ephemeral.begin(), ephemeral.end());
  box.resize(plain.size() + crypto_box_SEALBYTES);
  EXPECT_EQ(
      crypto_box_easy(reinterpret_cast<unsigned char*>(box.data()) + ephemeral.size(), octets(plain).data(),
                      plain.size(), nonce.data(), recipient.data(), ephemeral_secret.bytes().data()),
      0);
  return box;
}

TEST_F(VectorsTest, SeedsGiveTheKeys) {
  for (const std::string letter : {"a", "b"}) {
    EXPECT_EQ(device(letter).sign_key, key(letter + "_sign_key"));
    EXPECT_EQ(device(letter).box_key, key(letter + "_box_key"));
  }
  EXPECT_EQ(operator_key_from(secret("operator_seed"))->public_key, key("operator_key"));
}

TEST_F(VectorsTest, TheEnrolLineIsMadeAndRead) {
  EXPECT_EQ(encode_enrol_line(device("a"), test::at("2026-01-31T12:00:00Z")), text("a_enrol_line"));
  EXPECT_EQ(parse_enrol_line(text("a_enrol_line"))->box_key, key("a_box_key"));
}

TEST_F(VectorsTest, TheBundleIsMadeByteForByte) {
  auto bundle = test::small_bundle();
  EXPECT_EQ(encode_header(bundle.header), text("header") + "\n");
  bundle.entries = {{device("a").box_key, box("a")}, {device("b").box_key, box("b")}};
  bundle.sort();
  EXPECT_EQ(bundle.bytes(operator_key_from(secret("operator_seed")).value()), bytes("bundle"));
}

TEST_F(VectorsTest, TheBundleOpensOnEachDevice) {
  const std::string bundle = bytes("bundle");
  for (const std::string letter : {"a", "b"}) {
    const auto opened =
        open_bundle(BundleBytes(octets(bundle)), std::vector{key("operator_key")}, device(letter));
    ASSERT_TRUE(opened) << explain(opened.error());
    EXPECT_EQ(test::payload({"headset-" + letter, "prod-query", 7, opened->wave},
                            {opened->client_id, opened->client_secret.reveal()}, opened->header.box_bytes)
                  .substr(0, text(letter + "_payload").size()),
              text(letter + "_payload"));
  }
}

}  // namespace
}  // namespace fob::fleet
