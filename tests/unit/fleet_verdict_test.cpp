// When an authentic bundle is applied: serials only go up, within its time, each device in its wave.
#include "daemon/fleet/verdict.hpp"
#include "tests/unit/fleet_bundle_maker.hpp"

#include <gtest/gtest.h>

namespace fob::fleet {
namespace {

using Kind = Verdict::Kind;
using test::at;

// Serial 7, valid from 2026-02-01 to 2026-03-01, waves on the 1st and the 3rd.
Verdict judged(std::size_t wave, std::string_view now, std::uint64_t last_serial = 6,
               bool has_profile = true) {
  return judge(test::small_bundle().header, wave, {at(now), last_serial, has_profile});
}
Verdict refused(Reason reason) { return {Kind::refuse, reason, {}}; }

TEST(Verdict, AppliesFromTheWavesFirstSecondToTheLast) {
  EXPECT_EQ(judged(0, "2026-02-01T00:00:00Z").kind, Kind::apply);
  EXPECT_EQ(judged(1, "2026-02-03T00:00:00Z").kind, Kind::apply);
  EXPECT_EQ(judged(1, "2026-02-28T23:59:59Z").kind, Kind::apply);
  EXPECT_EQ(judged(0, "2026-02-01T00:00:00Z", 0).kind, Kind::apply) << "the first bundle ever";
}

TEST(Verdict, WaitsForItsTimeAndItsWave) {
  EXPECT_EQ(judged(0, "2026-01-31T23:59:59Z"),
            (Verdict{Kind::wait, Reason::not_yet_valid, at("2026-02-01T00:00:00Z")}));
  EXPECT_EQ(judged(1, "1970-01-01T00:00:00Z"),
            (Verdict{Kind::wait, Reason::not_yet_valid, at("2026-02-03T00:00:00Z")}));
  EXPECT_EQ(judged(1, "2026-02-02T23:59:59Z"),
            (Verdict{Kind::wait, Reason::later_wave, at("2026-02-03T00:00:00Z")}));
}

TEST(Verdict, AWaveThatBeginsBeforeTheBundleWaitsForTheBundle) {
  BundleHeader header = test::small_bundle().header;
  header.waves = {{100, at("2026-01-01T00:00:00Z")}};
  EXPECT_EQ(judge(header, 0, {at("2026-01-15T00:00:00Z"), 0, true}).until, at("2026-02-01T00:00:00Z"));
}

TEST(Verdict, RefusesWhatIsOver) { EXPECT_EQ(judged(0, "2026-03-01T00:00:00Z"), refused(Reason::expired)); }

TEST(Verdict, SerialsOnlyGoUp) {
  EXPECT_EQ(judged(0, "2026-02-01T00:00:00Z", 7), refused(Reason::replayed));
  EXPECT_EQ(judged(0, "2026-02-01T00:00:00Z", 8), refused(Reason::lower_serial));
  EXPECT_EQ(judged(0, "2026-03-01T00:00:00Z", 7), refused(Reason::replayed))
      << "which says more than expired";
}

TEST(Verdict, RefusesAProfileThatIsNotConfigured) {
  EXPECT_EQ(judged(0, "2026-02-01T00:00:00Z", 6, false), refused(Reason::unknown_profile));
}

}  // namespace
}  // namespace fob::fleet
