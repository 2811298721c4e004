// A record's text: it comes back as it was, and what is not exactly one is refused.
#include "daemon/store/record_text.hpp"

#include <gtest/gtest.h>

namespace fob::store {
namespace {

using wire::Slot;

KeptCredential kept(const std::string& id, std::string_view secret, std::uint64_t version) {
  return {{id, SecretBytes::copy_of(secret)}, version, WallTime(std::chrono::milliseconds(-5)), {true, 7}};
}

std::string text_of(const Record& record) {
  return std::string(encode_record(record, "prod").value().reveal());
}

Record whole() {
  Record record{3, 7, {}};
  record.slots.emplace(Slot::current, kept("id", "sec\"ret\\", 2));
  record.slots.emplace(Slot::next, kept("id-2", "other", 3));
  return record;
}

std::string reason(std::string_view text) {
  const auto record = decode_record(text, "prod");
  return record ? "" : record.error().detail;
}

std::string replaced(std::string text, std::string_view old, std::string_view with) {
  const auto at = text.find(old);
  EXPECT_NE(at, std::string::npos) << old;
  return text.replace(at, old.size(), with);
}

TEST(RecordText, RoundTrip) {
  const auto record = decode_record(text_of(whole()), "prod");
  ASSERT_TRUE(record) << record.error().detail;
  EXPECT_EQ(record->counter, 3U);
  EXPECT_EQ(record->bundle_serial, 7U);
  ASSERT_EQ(record->slots.size(), 2U);
  const auto& current = record->slots.at(Slot::current);
  EXPECT_EQ(current.credential.client_id, "id");
  EXPECT_EQ(current.credential.secret, SecretBytes::copy_of("sec\"ret\\"));
  EXPECT_EQ(current.version, 2U);
  EXPECT_EQ(current.stored_at, WallTime(std::chrono::milliseconds(-5))) << "the clock may not have been set";
  EXPECT_TRUE(current.origin.untested);
  EXPECT_EQ(current.origin.bundle_serial, 7U);
}

TEST(RecordText, KeepsWhatWasSetAside) {
  Record record = whole();
  record.set_aside = kept("aside", "s", 1);
  const auto again = decode_record(text_of(record), "prod");
  ASSERT_TRUE(again) << again.error().detail;
  ASSERT_TRUE(again->set_aside);
  EXPECT_EQ(again->set_aside->credential.client_id, "aside");
}

TEST(RecordText, ARecordWithoutSlotsKeepsItsCounters) {
  const auto record = decode_record(text_of({9, 4, {}}), "prod");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->counter, 9U);
  EXPECT_EQ(record->bundle_serial, 4U);
  EXPECT_TRUE(record->slots.empty());
}

TEST(RecordText, TakesNoCredentialThatCouldNotBeSent) {
  for (const auto& [id, secret] :
       {std::pair{"", "s"}, {"i", ""}, {"i d", "s"}, {"i", "s\n"}, {"i", "\xc3\xa4"}}) {
    Record record{1, 0, {}};
    record.slots.emplace(Slot::current, kept(id, secret, 1));
    EXPECT_EQ(encode_record(record, "prod").error().code, ErrorCode::store) << id;
  }
  Record record{1, 0, {}};
  record.slots.emplace(Slot::current, kept("id", std::string(k_max_credential_value + 1, 's'), 1));
  EXPECT_FALSE(encode_record(record, "prod"));
}

TEST(RecordText, ThreeOfTheLongestFit) {
  Record record{3, 0, {}};
  const std::string longest(k_max_credential_value, '"');
  for (const Slot slot : {Slot::current, Slot::next, Slot::previous})
    record.slots.emplace(slot, kept(longest, longest, 1));
  EXPECT_TRUE(decode_record(text_of(record), "prod"));
}

TEST(RecordText, RefusesWhatIsNotExactlyARecord) {
  const std::string text = text_of(whole());
  EXPECT_EQ(decode_record(text, "staging").error().detail, "it was written for another profile");
  EXPECT_EQ(reason(text.substr(0, text.size() - 1)), "it is not whole");
  EXPECT_EQ(reason(replaced(text, R"("counter":3)", R"("counter":3,"counter":3)")), "it is not whole");
  EXPECT_EQ(reason(std::string(k_max_record_text + 1, ' ')), "it is larger than the 73728 bytes allowed");
  EXPECT_EQ(reason(std::string(4000, '[')), "it is not whole");
  for (const auto& [old, with] : {std::pair{R"("fob_record":1)", R"("fob_record":2)"},
                                  {R"("counter":3)", R"("counter":-3)"},
                                  {R"("counter":3)", R"("counter":1)"},
                                  {R"("version":2)", R"("version":0)"},
                                  {R"("version":2)", R"("version":"2")"},
                                  {R"("untested":true)", R"("untested":1)"},
                                  {R"("current":)", R"("later":)"},
                                  {R"("client_id":"id")", R"("client_id":"")"},
                                  {R"("client_id":"id")", R"("client_id":7)"},
                                  {R"("client_id":"id")", R"("client_id":"id","more":1)"},
                                  {R"("bundle_serial":7,"c)", R"("bundle_serial":99999999999999999999,"c)"}})
    EXPECT_NE(reason(replaced(text, old, with)), "") << with;
}

}  // namespace
}  // namespace fob::store
