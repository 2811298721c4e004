// No detail carries a secret, a control character or a page of text.
#include "daemon/exchanger/detail.hpp"

#include <gtest/gtest.h>

#include <array>

namespace fob::exchanger {
namespace {

TEST(Detail, HidesEverySecretInEitherCase) {
  const std::array<std::string_view, 3> secrets = {"c0ffee", "0f8fad5b-d9cb", ""};
  EXPECT_EQ(presentable("pair 0F8FAD5B-D9CB:c0ffee, C0FFEE again", secrets), "pair ***:***, *** again");
  EXPECT_EQ(presentable("c0ffeec0ffee", secrets), "******");
}

TEST(Detail, ASecretOfTheStarsItselfEndsToo) {
  const std::array<std::string_view, 1> secrets = {"*"};
  EXPECT_EQ(presentable("a*b", secrets), "a***b");
}

TEST(Detail, IsPrintableAscii) { EXPECT_EQ(presentable("a\nb\tc\x1b[31m\x7f\xc3\xa9", {}), "a b c?[31m???"); }

TEST(Detail, IsCutOnlyAfterTheSecretsAreHidden) {
  const std::string secret(40, 's');
  const std::array<std::string_view, 1> secrets = {secret};
  const auto cut = presentable(std::string(k_longest_detail - 20, 'x') + secret, secrets);
  EXPECT_LE(cut.size(), k_longest_detail);
  EXPECT_EQ(cut.find('s'), std::string::npos);
  EXPECT_TRUE(presentable(std::string(1000, 'x'), {}).ends_with("x..."));
}

TEST(Detail, FillsInAPlaceOnceAndLeavesWhatHasNone) {
  std::string sentence = "HOST and HOST";
  fill_in(sentence, "HOST", "a.example");
  fill_in(sentence, "PROXY", "b.example");
  EXPECT_EQ(sentence, "a.example and HOST");
}

}  // namespace
}  // namespace fob::exchanger
