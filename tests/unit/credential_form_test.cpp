#include "daemon/store/credential_form.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace fob::store {
namespace {

const std::string k_id = "3f2b9c1e-5d77-4a60-9a3e-0c1d2e3f4a5b";
const std::string k_secret = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";

void expect_read(const std::string& text, const std::string& id = k_id,
                 const std::string& secret = k_secret) {
  const auto credential = parse_credential(text);
  ASSERT_TRUE(credential) << text << "\n" << credential.error().detail;
  EXPECT_EQ(credential->client_id, id) << text;
  EXPECT_TRUE(credential->secret == SecretBytes::copy_of(secret)) << text;
}

// Refused for `reason`, without a word of what was in it.
void expect_refused(const std::string& text, const std::string& reason) {
  const auto credential = parse_credential(text);
  ASSERT_FALSE(credential) << text;
  EXPECT_EQ(credential.error().code, ErrorCode::bad_request);
  EXPECT_EQ(credential.error().detail.find(reason), 0U) << credential.error().detail;
  EXPECT_NE(credential.error().detail.find("expected is"), std::string::npos) << credential.error().detail;
  for (const auto& value : {k_id, k_secret, k_id.substr(0, 8), k_secret.substr(0, 8)})
    EXPECT_EQ(credential.error().detail.find(value), std::string::npos) << credential.error().detail;
}

// The forms that the file may have, each once.
std::vector<std::string> forms() {
  return {
      R"({"clientId":")" + k_id + R"(","clientSecret":")" + k_secret + R"("})",
      R"({"client_id":")" + k_id + R"(","client_secret":")" + k_secret + R"("})",
      R"({"name":"edge","scopes":["query"],"clientId":")" + k_id + R"(","clientSecret":")" + k_secret +
          R"(","createdAt":null})",
      R"({"credentials":{"clientId":")" + k_id + R"(","clientSecret":")" + k_secret + R"("},"v":1})",
      R"([{"clientId":")" + k_id + R"(","clientSecret":")" + k_secret + R"("}])",
      "clientId=" + k_id + "&clientSecret=" + k_secret,
      "?client_secret=" + k_secret + "&name=edge&client_id=" + k_id,
      "https://developer.multiset.ai/credentials?clientId=" + k_id + "&clientSecret=" + k_secret,
      "MULTISET_CLIENT_ID=" + k_id + "\nMULTISET_CLIENT_SECRET=" + k_secret,
      "CLIENT_SECRET=" + k_secret + "\nCLIENT_ID=" + k_id,
      "clientId=" + k_id + "\nclientSecret=" + k_secret,
      "# from the portal\n\nexport CLIENT_ID=\"" + k_id + "\"  # mine\nexport CLIENT_SECRET='" + k_secret +
          "'\nBASE_URL=https://x.example?a=b\n",
      "Client ID: " + k_id + "\nClient secret: " + k_secret,
      k_id + ":" + k_secret,
      k_id + "," + k_secret,
      "\"" + k_id + "\", \"" + k_secret + "\"",
      k_id + "\n" + k_secret,
  };
}

std::string with_crlf(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '\n' ? "\r\n" : std::string(1, c);
  return out;
}

TEST(CredentialForm, EveryFormIsRead) {
  for (const auto& form : forms()) expect_read(form);
}

TEST(CredentialForm, AByteOrderMarkIsNoHindrance) {
  for (const auto& form : forms()) expect_read("\xef\xbb\xbf" + form);
}

TEST(CredentialForm, LineEndsOfEveryKindAreNoHindrance) {
  for (const auto& form : forms()) {
    expect_read(form + "\n");
    expect_read(with_crlf(form + "\n"));
    expect_read(with_crlf(form + "\n\n\n"));
  }
}

TEST(CredentialForm, BlanksAroundItAreNoHindrance) {
  for (const auto& form : forms()) expect_read(" \t\r\n" + form + "\n\t  ");
}

TEST(CredentialForm, QuotesAroundAWholeOneAreNoHindrance) {
  expect_read("\"" + k_id + ":" + k_secret + "\"");
  expect_read("'" + forms().front() + "'");
  expect_read("'clientId=" + k_id + "&clientSecret=" + k_secret + "'\n");
}

TEST(CredentialForm, BlanksAroundItsValuesAreNoHindrance) {
  expect_read(R"({"clientId":" )" + k_id + R"( ","clientSecret":")" + k_secret + R"(\n"})");
  expect_read("CLIENT_ID = " + k_id + " \nCLIENT_SECRET =\t" + k_secret);
  expect_read(k_id + " : " + k_secret);
  expect_read("clientId=%20" + k_id + "&clientSecret=" + k_secret + "%0A");
}

TEST(CredentialForm, ValuesOfAnyShapeAreTaken) {
  expect_read("a:b", "a", "b");
  expect_read("id:se:cr:et", "id", "se:cr:et");
  expect_read("id:se=cr&et", "id", "se=cr&et");
  expect_read("CLIENT_ID=id\nCLIENT_SECRET=a+b/c==", "id", "a+b/c==");
  expect_read("clientId=id&clientSecret=a%2Bb%2Fc%3D%3D", "id", "a+b/c==");
  expect_read("clientId=id&clientSecret=a+b", "id", "a+b");
  expect_read("CLIENT_ID=id\nCLIENT_SECRET=a#b&c=d", "id", "a#b&c=d");
  expect_read("CLIENT_ID=id\nCLIENT_SECRET=\"a#b\" # c", "id", "a#b");
}

TEST(CredentialForm, NothingIsRefusedAsEmpty) {
  for (const std::string text : {"", " ", "\n\n", "\xef\xbb\xbf", "\"\"", "# only a comment"})
    EXPECT_FALSE(parse_credential(text)) << text;
  expect_refused(" \r\n", "this is empty");
}

TEST(CredentialForm, ALargeFileIsRefusedUnread) {
  expect_refused(std::string(k_max_credential_form + 1, ' '), "this is larger than 64 KiB");
  expect_read(k_id + ":" + k_secret +
              std::string(k_max_credential_form - k_id.size() - k_secret.size() - 1, ' '));
}

TEST(CredentialForm, BinaryFilesAreRefused) {
  using namespace std::string_literals;
  for (const auto& text :
       {"\x89PNG\r\n\x1a\n"s, "a:b\0"s, "\xff\xfe{\0\"\0"s, "a:\xc3"s, "a:\xc0\xaf"s, "a:\xf5\x80\x80\x80"s})
    expect_refused(text, "this is not text in UTF-8");
}

TEST(CredentialForm, AKeyThatStandsThereTwiceIsRefused) {
  const std::string twice = "the client id or the client secret stands there twice";
  expect_refused(R"({"clientId":")" + k_id + R"(","clientId":"x","clientSecret":")" + k_secret + R"("})",
                 twice);
  expect_refused(R"({"clientId":")" + k_id + R"(","client_id":"x","clientSecret":")" + k_secret + R"("})",
                 twice);
  expect_refused(
      R"([{"clientId":"a","clientSecret":")" + k_secret + R"("},{"clientId":"b","clientSecret":"c"}])",
      twice);
  expect_refused("clientId=" + k_id + "&clientId=" + k_id + "&clientSecret=" + k_secret, twice);
  expect_refused("CLIENT_ID=" + k_id + "\nCLIENT_SECRET=" + k_secret + "\nMULTISET_CLIENT_SECRET=x", twice);
}

TEST(CredentialForm, HalfACredentialIsRefused) {
  const std::string no_id = "there is a client secret but no client id";
  const std::string no_secret = "there is a client id but no client secret";
  expect_refused(R"({"clientId":")" + k_id + R"("})", no_secret);
  expect_refused(R"({"clientId":null,"clientSecret":")" + k_secret + R"("})", no_id);
  expect_refused("CLIENT_SECRET=" + k_secret, no_id);
  expect_refused("https://x.example/?clientId=" + k_id, no_secret);
  expect_refused(k_secret, "this holds one value only");
  expect_refused(k_id + ":", "the client secret is empty");
  expect_refused("," + k_secret, "the client id is empty");
}

TEST(CredentialForm, WhatIsNoTextIsRefused) {
  const std::string no_text = "the client id or the client secret is not a text";
  expect_refused(R"({"clientId":")" + k_id + R"(","clientSecret":12345})", no_text);
  expect_refused(R"({"clientId":")" + k_id + R"(","clientSecret":[")" + k_secret + R"("]})", no_text);
  expect_refused(R"({"clientId":{"a":"b"},"clientSecret":")" + k_secret + R"("})", no_text);
}

TEST(CredentialForm, OtherFilesAreRefused) {
  const std::string nothing = "neither a client id nor a client secret is named in it";
  expect_refused("{}", nothing);
  expect_refused(R"({"access_token":")" + k_secret + R"("})", nothing);
  expect_refused(R"({"a":{"b":{"clientId":")" + k_id + R"(","clientSecret":")" + k_secret + R"("}}})",
                 nothing);
  expect_refused("https://developer.multiset.ai/", nothing);
  expect_refused("a=b&c=d", nothing);
  expect_refused(R"({"clientId":")" + k_id + R"(","clientSecret":")" + k_secret,
                 "this begins like JSON but is not whole");
  expect_refused(std::string(2000, '['), "this JSON nests too deep");
  expect_refused("clientId=%zz&clientSecret=" + k_secret,
                 "this looks like a query string but is not well-formed");
  expect_refused("clientId=a&clientSecret=" + k_secret + "#more",
                 "this looks like a query string but is not well-formed");
  expect_refused("ht!tp://x?clientId=" + k_id, "this looks like a URL but is not well-formed");
  expect_refused("<!doctype html>\n<html>\n<body>\n</html>", "this holds more than two values");
  expect_refused("a,b,c", "this holds more than two values");
}

TEST(CredentialForm, NamesAreNotTakenForValues) {
  expect_refused("clientSecret,clientId", "these are the names of the two values");
  expect_refused("client_id\nclient_secret", "these are the names of the two values");
  expect_refused("clientId,clientSecret\n" + k_id + "," + k_secret, "this holds more than two values");
  EXPECT_FALSE(parse_credential("clientId:clientSecret"));
}

TEST(CredentialForm, ValuesThatCannotBeRightAreRefused) {
  const std::string odd = "the client secret holds blanks, control characters or letters beyond ASCII";
  expect_refused(k_id + ":two words", odd);
  expect_refused(R"({"clientId":"a","clientSecret":"tab\tbed"})", odd);
  expect_refused(R"({"clientId":"a","clientSecret":"nul\u0000"})", odd);
  expect_refused("a:\xe2\x80\x9cquoted\xe2\x80\x9d", odd);
  expect_refused("clientId=a&clientSecret=b%00c", odd);
  expect_refused("a:" + std::string(k_max_credential_value + 1, 'x'),
                 "the client secret is longer than 4096 bytes");
  expect_refused(std::string(k_max_credential_value + 1, 'x') + ":a",
                 "the client id is longer than 4096 bytes");
}

TEST(CredentialForm, TwoValuesMakeACredentialLikewise) {
  const auto credential = make_credential(" " + k_id + "\n", k_secret + " ");
  ASSERT_TRUE(credential);
  EXPECT_EQ(credential->client_id, k_id);
  EXPECT_EQ(credential->secret.size(), k_secret.size());
  EXPECT_FALSE(make_credential("", k_secret));
  EXPECT_FALSE(make_credential(k_id, "a b"));
}

TEST(CredentialForm, TextBesideItMayBeInAnyLanguage) {
  for (const std::string note : {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x94\x91", "\xf4\x8f\xbf\xbf"})
    expect_read("# " + note + "\nCLIENT_ID=" + k_id + "\nCLIENT_SECRET=" + k_secret);
  for (const std::string broken :
       {"\xc3(", "\xe2\x82(", "\xf0\x9f\x94(", "\xf5\x80\x80\x80", "\xc0\x80", "\x80", "\xf0\x9f\x94"})
    expect_refused("# " + broken + "\nCLIENT_ID=" + k_id + "\nCLIENT_SECRET=" + k_secret,
                   "this is not text in UTF-8");
}

TEST(CredentialForm, NamesMayBeJoinedInAnyWay) {
  for (const std::string joint : {"", "_", "-", ".", " "})
    expect_read("client" + joint + "id=" + k_id + "\nCLIENT" + joint + "SECRET=" + k_secret);
}

TEST(CredentialForm, AQuoteThatIsNotClosedIsOfTheValue) {
  expect_read("CLIENT_ID=" + k_id + "\nCLIENT_SECRET=\"" + k_secret, k_id, "\"" + k_secret);
  expect_read("CLIENT_ID=" + k_id + "\nCLIENT_SECRET='" + k_secret, k_id, "'" + k_secret);
}

}  // namespace
}  // namespace fob::store
