// What is sent to each authority, byte for byte.
#include "daemon/exchanger/token_request.hpp"

#include <gtest/gtest.h>

namespace fob::exchanger {
namespace {

using config::Authority;
using config::ClientAuth;

config::Profile profile(Authority authority) {
  config::Profile profile;
  profile.name = "prod";
  profile.authority = authority;
  profile.endpoint = "https://auth.example/token";
  profile.scopes = {"query", "write"};
  return profile;
}

store::Credential credential(const std::string& id, std::string_view secret) {
  return {id, SecretBytes::copy_of(secret)};
}

TEST(TokenRequest, OfMultisetIsBasicAndAnEmptyJsonObject) {
  const auto request = make_token_request(profile(Authority::multiset), credential("some id", "se:cret+/="));
  EXPECT_EQ(request.url, "https://auth.example/token");
  EXPECT_EQ(request.content_type, "application/json");
  EXPECT_EQ(request.body, "{}");
  EXPECT_EQ(request.authorization, "Basic c29tZSBpZDpzZTpjcmV0Ky89");
}

TEST(TokenRequest, OfOauth2IsAFormWithBothPartsOfBasicFormEncoded) {
  const auto request = make_token_request(profile(Authority::oauth2), credential("some id", "se:cret+/="));
  EXPECT_EQ(request.content_type, "application/x-www-form-urlencoded");
  EXPECT_EQ(request.body, "grant_type=client_credentials&scope=query%20write");
  // some%20id:se%3Acret%2B%2F%3D
  EXPECT_EQ(request.authorization, "Basic c29tZSUyMGlkOnNlJTNBY3JldCUyQiUyRiUzRA==");
}

TEST(TokenRequest, OfOauth2ByPostHasTheCredentialInTheBodyAndNoHeader) {
  auto posting = profile(Authority::oauth2);
  posting.client_auth = ClientAuth::post;
  posting.scopes = {};
  posting.audience = "https://api.example/?a=1&b";
  posting.resource = "urn:x";
  const auto request = make_token_request(posting, credential("some id", "se&cret"));
  EXPECT_EQ(request.authorization, "");
  EXPECT_EQ(request.body,
            "grant_type=client_credentials&audience=https%3A%2F%2Fapi.example%2F%3Fa%3D1%26b&resource=urn%3Ax"
            "&client_id=some%20id&client_secret=se%26cret");
}

TEST(TokenRequest, OfMultisetKnowsNoOtherWayThanBasic) {
  auto posting = profile(Authority::multiset);
  posting.client_auth = ClientAuth::post;
  posting.audience = "x";
  const auto request = make_token_request(posting, credential("id", "secret"));
  EXPECT_EQ(request.body, "{}");
  EXPECT_EQ(request.authorization, "Basic aWQ6c2VjcmV0");
}

TEST(TokenRequest, TakesPinAndWayFromTheProfile) {
  auto trusting = profile(Authority::multiset);
  trusting.pin_sha256 = "pin";
  trusting.proxy = "http://proxy:3128";
  const auto request = make_token_request(trusting, credential("id", "secret"));
  EXPECT_EQ(request.pin_sha256, "pin");
  EXPECT_EQ(request.proxy, "http://proxy:3128");
}

TEST(FormEncoding, LeavesOnlyWhatNeedsNone) {
  EXPECT_EQ(form_encoded("AZaz09-._~"), "AZaz09-._~");
  EXPECT_EQ(form_encoded(std::string_view("+ %&=\0\xff", 7)), "%2B%20%25%26%3D%00%FF");
  EXPECT_EQ(form_encoded(""), "");
}

}  // namespace
}  // namespace fob::exchanger
