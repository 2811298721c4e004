// The refresh machine against chance: random events, in any order, at any time, with an authority that gives
// what it likes. Whatever happens, the promises of core/refresh.hpp hold. The driver here is the broker's in
// small: it obeys the actions, keeps the one timer and the one exchange, and checks after every step.
#include "daemon/core/refresh.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace fob::core {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

#ifdef FOB_SANITIZED
constexpr int k_sequences = 20'000;
#else
constexpr int k_sequences = 1'000'000;
#endif
constexpr int k_events = 24;

constexpr std::array k_kinds = {ErrorCode::no_credential, ErrorCode::rejected,    ErrorCode::forbidden,
                                ErrorCode::rate_limited,  ErrorCode::unreachable, ErrorCode::timeout,
                                ErrorCode::tls,           ErrorCode::clock_wrong, ErrorCode::bad_answer,
                                ErrorCode::store_locked,  ErrorCode::config};

// What an exchange in flight will bring: it read the credential of this version when it began.
struct Flight {
  BootTime began;
  std::uint64_t version;
};

class World {
 public:
  explicit World(std::uint64_t seed)
      : draw_(seed),
        settings_{chance(4), chance(3) ? nanoseconds(6h) : nanoseconds(0)},
        now_(chance(2) ? 1min : 48h),
        machine_(settings_, now_) {
    obey(machine_.on_start(now_));
  }

  void step() {
    pass_time();
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
        return demand();
      case 3:
        return reject();
      case 4:
        return obey(machine_.on_change(now_, static_cast<Change>(below(3))));
      case 5:
        return change_credential();
      case 6:
        return obey(machine_.on_followed(now_, followed_ = !followed_));
      case 7:
        return reconfigure();
      case 8:
        ++wanted_;
        return obey(machine_.on_refresh_wanted(now_));
      default:
        return land();
    }
  }

  // After the storm: the authority is back, and whoever waits gets a token.
  void calm() {
    land_well();
    const auto answer = machine_.on_demand(now_, std::nullopt, now_ + 2h);
    obey(answer.actions);
    EXPECT_NE(answer.verdict, Verdict::fail) << "within the longest wait there is always another attempt";
    if (answer.verdict == Verdict::wait && !flight_) {
      ASSERT_TRUE(timer_) << "a wait without an exchange and without a timer would never end";
      pass_to(*timer_);
      if (!flight_) obey(machine_.on_demand(now_, std::nullopt, now_ + 5s).actions);
    }
    land_well();
    EXPECT_TRUE(machine_.token(now_));
  }

  int attempts() const { return attempts_; }

 private:
  std::uint64_t below(std::uint64_t bound) { return draw_() % bound; }
  bool chance(std::uint64_t one_in) { return below(one_in) == 0; }
  double unit() { return static_cast<double>(draw_() >> 11) * 0x1p-53; }

  // From a microsecond to a day, the short ones often.
  void pass_time() {
    nanoseconds by = std::chrono::duration_cast<nanoseconds>(1us * (1ULL << below(37)));
    if (chance(4)) by = 0ns;
    // The timer rings on the way, as a real one would; a jump (suspend) goes past it.
    if (timer_ && *timer_ <= now_ + by && !chance(8)) return pass_to(*timer_);
    now_ += by;
    if (timer_ && *timer_ <= now_) pass_to(now_);
  }

  void pass_to(BootTime when) {
    now_ = std::max(now_, when);
    timer_.reset();
    obey(machine_.on_timer(now_));
  }

  void demand() {
    std::optional<nanoseconds> min_ttl;
    if (chance(2)) min_ttl = std::chrono::seconds(below(100'000));
    const BootTime patience = now_ + std::chrono::seconds(below(60));
    const auto answer = machine_.on_demand(now_, min_ttl, patience);
    obey(answer.actions);
    if (answer.verdict == Verdict::serve) {
      EXPECT_TRUE(machine_.token(now_)) << "served: nothing";
    }
    // Every wait ends: with the exchange, or with an attempt in time.
    if (answer.verdict == Verdict::wait) {
      EXPECT_TRUE(flight_ || (timer_ && *timer_ <= patience));
    }
    if (answer.verdict == Verdict::fail) {
      EXPECT_TRUE(machine_.last_failure() || *machine_.next_attempt() > patience)
          << "a failure without a reason";
    }
  }

  void reject() {
    const TokenPtr token = machine_.token(now_);
    const std::string named = token && chance(2) ? token->fingerprint : "other";
    obey(machine_.on_rejected(now_, named, now_ + 5s).actions);
  }

  void change_credential() {
    ++version_;
    ++wanted_;
    obey(machine_.on_credential_changed(now_));
  }

  void reconfigure() {
    settings_ = {chance(4), chance(3) ? nanoseconds(6h) : nanoseconds(0)};
    const bool worth_a_try = chance(2);
    wanted_ += worth_a_try ? 1 : 0;
    obey(machine_.on_settings_changed(now_, settings_, worth_a_try));
  }

  // The exchange under way ends, one way or another.
  void land() {
    if (!flight_) return;
    if (chance(2)) return land_well();
    const Flight flight = *std::exchange(flight_, std::nullopt);
    const TokenPtr before = machine_.token(now_);
    const ErrorCode kind = k_kinds[below(k_kinds.size())];
    std::optional<std::chrono::milliseconds> retry_after;
    if (chance(4)) retry_after = std::chrono::seconds(below(3600));
    obey(machine_.on_failure(now_, {kind, "chance", retry_after}, unit()));
    // The store says that the credential is gone, and it did change: the only failure that takes a token.
    const bool removed = kind == ErrorCode::no_credential && flight.version == version_;
    if (!removed) {
      EXPECT_EQ(machine_.token(now_), before) << "a failed refresh took a valid token";
    }
    if (!flight_) {
      ASSERT_TRUE(timer_);
      if (retry_after) {
        EXPECT_GE(*timer_, std::min(now_ + *retry_after, deadline_if_followed()));
      }
    }
  }

  void land_well() {
    if (!flight_) return;
    const Flight flight = *std::exchange(flight_, std::nullopt);
    const TokenPtr before = machine_.token(now_);
    const nanoseconds lifetime = std::chrono::milliseconds(1 + below(1ULL << (4 + below(23))));
    // One that took longer than the token lives brings a dead one.
    const auto token = std::make_shared<Token>(
        Token{"t", std::to_string(draw_()), {}, flight.version, flight.began, flight.began + lifetime});
    obey(machine_.on_token(now_, token, unit()));
    const TokenPtr after = machine_.token(now_);
    if (before && flight.version < version_) {
      EXPECT_EQ(after, before) << "an older credential's token took the place of the one at hand";
    }
  }

  BootTime deadline_if_followed() const {
    const TokenPtr token = machine_.token(now_);
    return followed_ && token ? token->deadline : BootTime::max();
  }

  void obey(Actions actions) {
    if (actions.abandon) {
      ASSERT_TRUE(flight_);
      flight_.reset();
    }
    if (actions.exchange) begin();
    timer_ = actions.wake_at;
    EXPECT_TRUE(machine_.exchanging() == flight_.has_value());
    if (timer_) {
      EXPECT_GT(*timer_ + 1ns, now_) << "a timer in the past would spin";
    }

    const Availability available = machine_.availability(now_);
    if (available.token) {
      EXPECT_TRUE(available.token->alive(now_)) << "a dead token was published";
    }
    EXPECT_EQ(actions.publish, available != published_) << "published when, and only when, it changed";
    published_ = available;
  }

  // No two at once, and not in a storm: beyond what operators asked for, 25 in 15 s is too many.
  void begin() {
    EXPECT_FALSE(flight_) << "two exchanges at once";
    flight_ = Flight{now_, version_};
    ++attempts_;
    if (wanted_ > 0) {
      --wanted_;
      return;
    }
    recent_.push_back(now_);
    while (recent_.front() + 15s < now_) recent_.pop_front();
    EXPECT_LT(recent_.size(), 25U) << "a storm";
  }

  std::mt19937_64 draw_;
  RefreshSettings settings_;
  BootTime now_;
  Refresh machine_;
  std::optional<BootTime> timer_;
  std::optional<Flight> flight_;
  Availability published_;
  std::deque<BootTime> recent_;
  std::uint64_t version_ = 1;
  int attempts_ = 0;
  int wanted_ = 0;  ///< exchanges that people asked for
  bool followed_ = false;
};

TEST(RefreshProperty, HoldsItsPromisesWhateverHappens) {
  std::uint64_t attempts = 0;
  for (int seed = 0; seed < k_sequences && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(static_cast<std::uint64_t>(seed));
    for (int event = 0; event < k_events; ++event) world.step();
    world.calm();
    attempts += static_cast<std::uint64_t>(world.attempts());
  }
  EXPECT_GT(attempts, static_cast<std::uint64_t>(k_sequences)) << "else the test tested nothing";
}

// A minute of the worst weather: every exchange fails at once, every kind in turn, the network flaps ten
// times a second, and forty apps ask all the time.
TEST(RefreshProperty, BoundsTheRateInTheWorstWeather) {
  for (const ErrorCode kind : k_kinds) {
    BootTime now{48h};
    Refresh machine({}, now);
    std::optional<BootTime> timer;
    int attempts = 0;
    const auto obey = [&](Actions actions) {
      while (actions.exchange) {
        ++attempts;
        actions = machine.on_failure(now, {kind, "weather", std::nullopt}, 0.0);
      }
      timer = actions.wake_at;
    };
    obey(machine.on_start(now));
    for (int tick = 0; tick < 150; ++tick, now += 100ms) {
      if (timer && *timer <= now) obey(machine.on_timer(now));
      for (int app = 0; app < 40; ++app) obey(machine.on_demand(now, 1h, now + 5s).actions);
      for (const Change change : {Change::network_up, Change::clock_set, Change::resumed})
        obey(machine.on_change(now, change));
    }
    EXPECT_LT(attempts, 25) << traits(kind).kind;
    EXPECT_GE(attempts, 1);
  }
}

// Tokens of every length, down to none, replaced as fast as the machine allows, and apps that reject each
// one.
TEST(RefreshProperty, BoundsTheRateWhenEveryTokenIsBad) {
  for (const nanoseconds lifetime :
       {nanoseconds(1ms), nanoseconds(500ms), nanoseconds(3s), nanoseconds(1h)}) {
    BootTime now{48h};
    Refresh machine({}, now);
    std::optional<BootTime> timer;
    int attempts = 0;
    const auto obey = [&](Actions actions) {
      if (actions.exchange) {
        ++attempts;
        const std::string name = std::to_string(attempts);
        actions = machine.on_token(
            now, std::make_shared<Token>(Token{name, name, {}, 1, now, now + lifetime}), 0.0);
      }
      timer = actions.wake_at;
    };
    obey(machine.on_start(now));
    for (int tick = 0; tick < 1500; ++tick, now += 10ms) {
      if (timer && *timer <= now) obey(machine.on_timer(now));
      const TokenPtr token = machine.token(now);
      obey(machine.on_rejected(now, token ? token->fingerprint : "", now + 5s).actions);
    }
    EXPECT_LT(attempts, 25) << lifetime.count();
  }
}

}  // namespace
}  // namespace fob::core
