// The fleet's promises, held to by a tenth of the fleet before a tenth of the authority: rates are in
// multiples of the long-run mean or of the capacity, so nothing but chance depends on the size (see
// calm_window).
#include "tests/sim/fleet.hpp"

#include <gtest/gtest.h>

namespace fob::sim {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

constexpr double k_even = 1.2;  ///< the highest peak of a fleet that is spread, in multiples of the mean

FleetSettings a_tenth() {
  FleetSettings settings;
  settings.devices /= 10;
  *settings.capacity /= 10;
  settings.outage_start = 1h;  // sooner than for the picture: two lifetimes show what three do
  settings.span = 10'000s;
  return settings;
}

// How high the highest peak within [from, to) is, in multiples of the mean.
double peak(const FleetReport& report, seconds from, seconds to) {
  const FleetSettings& settings = report.settings;
  return report.peak(&Second::attempts, from, to, calm_window(settings)) / steady_rate(settings);
}

TEST(Fleet, IsEvenAfterTheFirstLifetimeThoughAllBootedInTheSameSecond) {
  FleetSettings settings = a_tenth();
  settings.span = settings.outage_start;
  const FleetReport report = simulate(settings);
  const auto back = report.drained(1s);
  ASSERT_TRUE(back);
  EXPECT_LE(*back, 180s) << "two minutes at full capacity, and the last ones' backoff";
  EXPECT_LE(peak(report, settings.lifetime, settings.span), k_even);
  EXPECT_NEAR(report.mean(&Second::served, settings.lifetime, settings.span), steady_rate(settings),
              0.05 * steady_rate(settings));
  EXPECT_EQ(report.lost_early, 0U);
}

// The control: a test that nothing can fail shows nothing. The authority serves all, so that no refusal tells
// the devices that they are many; and only whether they believe to be alone differs.
TEST(Fleet, ComesInWavesIfNoDeviceScatters) {
  FleetSettings settings = a_tenth();
  settings.capacity.reset();
  settings.span = settings.outage_start;
  EXPECT_LE(peak(simulate(settings), settings.lifetime, settings.span), k_even);
  settings.uptime = 1h;
  EXPECT_GT(peak(simulate(settings), settings.lifetime, settings.span), 3.0);
}

TEST(Fleet, ComesBackFromAnOutageWithoutAStorm) {
  FleetSettings settings = a_tenth();
  settings.span = settings.outage_end() + 600s;
  const FleetReport report = simulate(settings);
  // Attempts, not only those that are served, in the worst single second.
  EXPECT_LE(report.peak(&Second::attempts, settings.outage_end(), settings.span, 1s),
            1.5 * *settings.capacity);
  const auto back = report.drained(settings.outage_end());
  ASSERT_TRUE(back);
  EXPECT_LE(*back - settings.outage_end(), 90s) << "the longest wait, and what the capacity takes";
  EXPECT_LE(report.longest_without_after_outage, 120s);
  EXPECT_EQ(report.history.back().without_token, 0U);
  EXPECT_EQ(report.lost_early, 0U);
}

void expect_no_second_wave(const FleetSettings& settings) {
  const FleetReport report = simulate(settings);
  const auto back = report.drained(settings.outage_end());
  ASSERT_TRUE(back);
  for (int lifetime = 0; lifetime < 3; ++lifetime) {
    const seconds from = *back + lifetime * settings.lifetime;
    EXPECT_LE(peak(report, from, from + settings.lifetime), k_even)
        << lifetime << " lifetimes after the recovery";
  }
  EXPECT_EQ(report.lost_early, 0U);
}

TEST(Fleet, HasNoSecondWaveAfterAnOutage) { expect_no_second_wave(a_tenth()); }

TEST(Fleet, HasNoSecondWaveAfterALongerOutage) {
  FleetSettings settings = a_tenth();
  settings.outage_length = 900s;
  expect_no_second_wave(settings);
}

TEST(Fleet, IsTheSameForTheSameSeed) {
  FleetSettings settings = a_tenth();
  settings.devices = 1000;
  settings.capacity = 10;
  const auto attempts = [&] {
    std::vector<std::uint32_t> counts;
    for (const Second& second : simulate(settings).history) counts.push_back(second.attempts);
    return counts;
  };
  const auto once = attempts();
  EXPECT_EQ(attempts(), once);
  settings.seed = 2;
  EXPECT_NE(attempts(), once);
}

}  // namespace
}  // namespace fob::sim
