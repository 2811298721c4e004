// How often the surroundings may bring an attempt: at once for a network that comes up, seldom for one that
// flaps.
#include "daemon/core/change_pacing.hpp"

#include <gtest/gtest.h>

#include <array>

namespace fob::core {
namespace {

using namespace std::chrono_literals;

const BootTime k_start{1h};

ChangePacing after(int attempts) {
  ChangePacing pacing;
  for (int i = 0; i < attempts; ++i) pacing.used(k_start);
  return pacing;
}

TEST(ChangePacing, ThreeAttemptsMayComeASecondApartAndLaterOnesEverMoreSeldom) {
  const std::array spacings = {1s, 1s, 1s, 2s, 4s, 8s, 16s, 32s, 64s, 64s, 64s};
  for (std::size_t i = 0; i < spacings.size(); ++i) {
    const ChangePacing pacing = after(static_cast<int>(i));
    EXPECT_EQ(pacing.earliest(k_start + 7s, k_start + 8s), k_start + 7s + spacings.at(i)) << i;
    EXPECT_EQ(pacing.hopeful(k_start), i < 3) << i;
  }
}

TEST(ChangePacing, ForgetsWhatIsMoreThanTwoMinutesAgo) {
  ChangePacing pacing = after(5);
  EXPECT_FALSE(pacing.hopeful(k_start + 2min));
  EXPECT_TRUE(pacing.hopeful(k_start + 2min + 1ns));
  EXPECT_EQ(pacing.earliest(k_start, k_start + 2min + 1ns), k_start + 1s);
  pacing.used(k_start + 3min);
  pacing.used(k_start + 3min);
  EXPECT_TRUE(pacing.hopeful(k_start + 3min)) << "counted anew";
  pacing.used(k_start + 3min);
  EXPECT_FALSE(pacing.hopeful(k_start + 3min));
}

TEST(ChangePacing, EachAttemptIsRememberedFromItsOwnTime) {
  ChangePacing pacing = after(3);
  pacing.used(k_start + 90s);
  EXPECT_FALSE(pacing.hopeful(k_start + 200s)) << "the last one is not two minutes ago";
}

TEST(ChangePacing, BeginsAnewWhenAChangeBroughtWhatItPromised) {
  ChangePacing pacing = after(9);
  pacing.reset();
  EXPECT_TRUE(pacing.hopeful(k_start));
  EXPECT_EQ(pacing.earliest(k_start, k_start), k_start + 1s);
  pacing.used(k_start);
  pacing.used(k_start);
  EXPECT_TRUE(pacing.hopeful(k_start));
  pacing.used(k_start);
  EXPECT_FALSE(pacing.hopeful(k_start));
}

TEST(ChangePacing, CountsFromNothingOnADeviceThatHasJustBooted) {
  const BootTime boot{10s};
  ChangePacing pacing;
  pacing.used(boot);
  pacing.used(boot);
  EXPECT_TRUE(pacing.hopeful(boot));
  pacing.used(boot);
  EXPECT_FALSE(pacing.hopeful(boot));
}

}  // namespace
}  // namespace fob::core
