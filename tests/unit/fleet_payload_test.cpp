// What is sealed in a box: exact bytes, one size for all, and nothing else is read.
#include "daemon/fleet/payload.hpp"
#include "tests/unit/fleet_bundle_maker.hpp"

#include <gtest/gtest.h>

namespace fob::fleet {
namespace {

constexpr PayloadPlace k_place{"headset-a", "prod-query", 7, 0};

std::string padded(std::string_view text, std::size_t size = 192) {
  std::string bytes(text);
  bytes += '\x80';
  bytes.resize(size, '\0');
  return bytes;
}

TEST(Payload, IsCompactJsonAndPadding) {
  const std::string text = R"({"device":"headset-a","profile":"prod-query","serial":7,"wave":0,)"
                           R"("client_id":"i\"d","client_secret":"s\\ecret"})";
  const CredentialView credential{"i\"d", "s\\ecret"};
  EXPECT_EQ(payload_size(k_place, credential), text.size());
  EXPECT_EQ(test::payload(k_place, credential, 192 + crypto_box_SEALBYTES), padded(text));
  const auto read = read_payload(octets(padded(text)));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->device, "headset-a");
  EXPECT_EQ(read->profile, "prod-query");
  EXPECT_EQ(read->serial, 7U);
  EXPECT_EQ(read->wave, 0U);
  EXPECT_EQ(read->client_id, "i\"d");
  EXPECT_EQ(read->client_secret, SecretBytes::copy_of("s\\ecret"));
}

TEST(Payload, TheSmallestPaddingIsOneByte) {
  const CredentialView credential{"id", "secret"};
  const std::size_t size = payload_size(k_place, credential);
  const std::string tight = test::payload(k_place, credential, size + 1 + crypto_box_SEALBYTES);
  EXPECT_EQ(tight.back(), '\x80');
  EXPECT_TRUE(read_payload(octets(tight)));
}

TEST(Payload, AnythingElseIsRefused) {
  const auto reason = [](const std::string& bytes) {
    const auto read = read_payload(octets(bytes));
    return read ? throw std::logic_error("it is read: " + bytes) : read.error().reason;
  };
  const std::string start = R"({"device":"d","profile":"p","serial":7,"wave":0,"client_id":"i")";
  EXPECT_TRUE(read_payload(octets(padded(start + R"(,"client_secret":"s"})"))));
  for (const char* end :
       {"}", R"(,"client_secret":""})", R"(,"client_secret":7})", R"(,"client_secret":null})",
        R"(,"client_secret":["s"]})", R"(,"client_secret":{"a":"s"}})", R"(,"client_secret":"s","more":1})",
        R"(,"client_secret":"s","wave":1})", R"(,"client_secret":"a b"})", R"(,"client_secret":"\u0000"})",
        R"(,"client_secret":"s"}x)", R"(,"client_secret":"s")"})
    EXPECT_EQ(reason(padded(start + end)), Reason::bad_payload) << end;
  for (const char* text :
       {R"({"device":"../d","profile":"p","serial":7,"wave":0,"client_id":"i","client_secret":"s"})",
        R"({"device":"d","profile":"","serial":7,"wave":0,"client_id":"i","client_secret":"s"})",
        R"({"device":"d","profile":"p","serial":-7,"wave":0,"client_id":"i","client_secret":"s"})",
        R"({"device":"d","profile":"p","serial":7.0,"wave":0,"client_id":"i","client_secret":"s"})",
        R"({"device":"d","profile":"p","serial":7,"wave":"0","client_id":"i","client_secret":"s"})",
        R"([[[[[[[[[[1]]]]]]]]]])", "null", "\"text\"", "", "\xff\xfe"})
    EXPECT_EQ(reason(padded(text)), Reason::bad_payload) << text;
  EXPECT_EQ(reason(std::string(192, '\0')), Reason::bad_payload) << "no padding";
  EXPECT_EQ(reason(std::string(1, '\x80')), Reason::bad_payload) << "only padding";
}

TEST(Payload, NoErrorShowsASecret) {
  const auto read = read_payload(octets(padded(
      R"({"device":"d","profile":"p","serial":7,"wave":0,"client_id":"i","client_secret":"tell no one"})")));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().detail.find("tell"), std::string::npos);
  EXPECT_FALSE(fault_of(CredentialView{"id", "secret"}));
  EXPECT_EQ(fault_of(CredentialView{"", "secret"}), "the client id is empty");
  EXPECT_EQ(fault_of(CredentialView{"id", std::string(4097, 's')}),
            "the client secret is longer than 4096 bytes");
}

}  // namespace
}  // namespace fob::fleet
