// The one table of reasons: total, unambiguous, and speaking to a person.
#include "daemon/fleet/refusal.hpp"

#include <gtest/gtest.h>

#include <set>

namespace fob::fleet {
namespace {

TEST(Refusal, EachReasonHasAWordAndASentenceOfItsOwn) {
  std::set<std::string_view> words, sentences;
  for (int i = 0; i <= static_cast<int>(Reason::later_wave); ++i) {
    const auto reason = static_cast<Reason>(i);
    const auto& row = traits(reason);
    EXPECT_EQ(row.reason, reason);
    EXPECT_TRUE(words.insert(row.word).second) << row.word;
    EXPECT_TRUE(sentences.insert(row.sentence).second) << row.word;
    EXPECT_EQ(row.sentence.back(), '.');
    EXPECT_EQ(row.word.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string_view::npos);
    EXPECT_EQ(reason_of(row.word), reason);
  }
  EXPECT_EQ(reason_of("nonsense"), std::nullopt);
}

TEST(Refusal, IsExplainedWithItsDetail) {
  EXPECT_EQ(explain({Reason::later_wave, ""}),
            "This device is in a later wave of the bundle. It is kept until then.");
  EXPECT_EQ(explain({Reason::later_wave, "wave 2"}),
            "This device is in a later wave of the bundle. It is kept until then. (wave 2)");
}

TEST(Refusal, ThatNobodyLookedAtIsABug) {
  const Verified<int> refused = Refusal{Reason::expired, ""};
  EXPECT_THROW(refused.value(), std::logic_error);
}

}  // namespace
}  // namespace fob::fleet
