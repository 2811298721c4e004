#include "tests/sim/fleet.hpp"

#include "daemon/core/refresh.hpp"
#include "daemon/core/refresh_draw.hpp"

#include <algorithm>
#include <memory>
#include <queue>
#include <random>
#include <utility>

namespace fob::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr seconds k_same_second{1};
constexpr milliseconds k_quickest{100}, k_slowest{300};  // an exchange: a handshake and a request
constexpr milliseconds k_refusal{50};                    // said before any work is done
constexpr milliseconds k_unreachable{1000};

enum class Outcome : std::uint8_t { served, refused, unreached };

// A bucket of one second's exchanges, filled all the time.
class Authority {
 public:
  explicit Authority(const FleetSettings& settings)
      : settings_(settings), tokens_(settings.capacity.value_or(0)) {}

  Outcome receive(nanoseconds now) {
    if (now >= settings_.outage_start && now < settings_.outage_end()) return Outcome::unreached;
    if (!settings_.capacity) return Outcome::served;
    const double capacity = *settings_.capacity;
    tokens_ = std::min(capacity, tokens_ + capacity * std::chrono::duration<double>(now - filled_).count());
    filled_ = now;
    if (tokens_ < 1) return Outcome::refused;
    tokens_ -= 1;
    return Outcome::served;
  }

 private:
  const FleetSettings& settings_;
  double tokens_;
  nanoseconds filled_{};
};

struct Device {
  explicit Device(BootTime start) : machine({}, start), began(start), deadline(start) {}

  core::Refresh machine;
  BootTime began;     // the last exchange
  BootTime deadline;  // of the last token it was given; before the first: its start
  Outcome outcome = Outcome::served;
  bool started = false;
  bool has_had_token = false;
  bool retrying = false;
};

// What happens next to a device. One event a device is pending at any time: its start, its timer, or the
// end of its exchange.
struct Event {
  nanoseconds at;
  std::uint32_t device;

  auto operator<=>(const Event&) const = default;
};

// What is seen of the fleet, second by second.
class Ledger {
 public:
  explicit Ledger(const FleetSettings& settings) : span_(settings.span), outage_end_(settings.outage_end()) {
    report_.settings = settings;
    report_.history.resize(static_cast<std::size_t>(span_.count()));
    absences_.resize(report_.history.size() + 1);
    retries_.resize(report_.history.size() + 1);
  }

  void attempt(nanoseconds now, Outcome outcome) {
    Second& second = report_.history[second_of(now)];
    ++second.attempts;
    ++(outcome == Outcome::served    ? second.served
       : outcome == Outcome::refused ? second.refused
                                     : second.unreached);
  }

  void retrying(nanoseconds now, bool begins) { retries_[second_of(now)] += begins ? 1 : -1; }

  // A device had no token from `begin` to `end`.
  void absence(nanoseconds begin, nanoseconds end, bool first) {
    if (begin >= end) return;
    ++absences_[after(begin)];
    --absences_[after(end)];
    nanoseconds& longest = first ? report_.longest_without_at_boot : report_.longest_without_after_outage;
    longest = std::max(longest, first ? end - begin : end - std::max<nanoseconds>(begin, outage_end_));
  }

  void lost_early() { ++report_.lost_early; }

  FleetReport close() {
    std::int64_t without = 0, retrying = 0;
    for (std::size_t at = 0; at < report_.history.size(); ++at) {
      without += absences_[at];
      report_.history[at].without_token = static_cast<std::uint32_t>(without);
      report_.history[at].retrying = static_cast<std::uint32_t>(retrying);
      retrying += retries_[at];
    }
    return std::move(report_);
  }

 private:
  static std::size_t second_of(nanoseconds time) {
    return static_cast<std::size_t>(std::chrono::floor<seconds>(time).count());
  }
  // The first second whose beginning is not before `time`.
  std::size_t after(nanoseconds time) const {
    return static_cast<std::size_t>(std::min(std::chrono::ceil<seconds>(time), span_).count());
  }

  seconds span_, outage_end_;
  FleetReport report_;
  // By how much a count changes in each second.
  std::vector<std::int32_t> absences_, retries_;
};

class Fleet {
 public:
  explicit Fleet(const FleetSettings& settings)
      : settings_(settings), draw_(settings.seed), authority_(settings), ledger_(settings) {
    devices_.reserve(settings.devices);
    std::vector<Event> starts;
    starts.reserve(settings.devices);
    for (std::uint32_t device = 0; device < settings.devices; ++device) {
      const nanoseconds start = core::part_of(k_same_second, unit());
      devices_.emplace_back(boot_time(start));
      starts.push_back({start, device});
    }
    events_ = Events(std::greater<>(), std::move(starts));
  }

  FleetReport run() {
    while (events_.top().at < settings_.span) {
      const Event event = events_.top();
      events_.pop();
      now_ = event.at;
      meet(event.device);
    }
    now_ = settings_.span;
    for (const Device& device : devices_) note_absence(device);
    return ledger_.close();
  }

 private:
  using Events = std::priority_queue<Event, std::vector<Event>, std::greater<>>;

  void meet(std::uint32_t number) {
    Device& device = devices_[number];
    const core::Actions actions = step(device);
    const nanoseconds next =
        actions.exchange ? begin(device) : actions.wake_at->time_since_epoch() - settings_.uptime;
    events_.push({next, number});
    // The machine and the ledger must agree on whether there is a token.
    const bool alive = boot_time(now_) < device.deadline;
    if (alive && !device.machine.token(boot_time(now_))) ledger_.lost_early();
  }

  core::Actions step(Device& device) {
    const BootTime now = boot_time(now_);
    if (device.machine.exchanging()) return land(device, now);
    if (device.started) return device.machine.on_timer(now);
    device.started = true;
    return device.machine.on_start(now);
  }

  // The exchange reaches the authority at once, which decides; the answer takes its time. When, is returned.
  nanoseconds begin(Device& device) {
    device.began = boot_time(now_);
    device.outcome = authority_.receive(now_);
    ledger_.attempt(now_, device.outcome);
    switch (device.outcome) {
      case Outcome::refused:
        return now_ + k_refusal;
      case Outcome::unreached:
        return now_ + k_unreachable;
      case Outcome::served:
        break;
    }
    return now_ + k_quickest + core::part_of(k_slowest - k_quickest, unit());
  }

  core::Actions land(Device& device, BootTime now) {
    note_retrying(device, device.outcome != Outcome::served);
    switch (device.outcome) {
      case Outcome::refused:
        if (settings_.retry_after)
          return device.machine.on_failure(now, {ErrorCode::rate_limited, {}, settings_.retry_after}, unit());
        return device.machine.on_failure(now, {ErrorCode::bad_answer, {}, {}}, unit());
      case Outcome::unreached:
        return device.machine.on_failure(now, {ErrorCode::unreachable, {}, {}}, unit());
      case Outcome::served:
        break;
    }
    note_absence(device);
    device.has_had_token = true;
    device.deadline = device.began + settings_.lifetime;
    return device.machine.on_token(
        now, std::make_shared<core::Token>(core::Token{{}, {}, {}, 1, device.began, device.deadline}),
        unit());
  }

  void note_retrying(Device& device, bool retrying) {
    if (std::exchange(device.retrying, retrying) != retrying) ledger_.retrying(now_, retrying);
  }

  void note_absence(const Device& device) {
    ledger_.absence(device.deadline.time_since_epoch() - settings_.uptime, now_, !device.has_had_token);
  }

  BootTime boot_time(nanoseconds time) const { return BootTime(time + settings_.uptime); }
  double unit() { return static_cast<double>(draw_() >> 11) * 0x1p-53; }

  const FleetSettings& settings_;
  std::mt19937_64 draw_;
  Authority authority_;
  Ledger ledger_;
  std::vector<Device> devices_;
  Events events_;
  nanoseconds now_{};
};

}  // namespace

double FleetReport::peak(std::uint32_t Second::*count, seconds from, seconds to, seconds window) const {
  const auto first = static_cast<std::size_t>(from.count()), last = static_cast<std::size_t>(to.count());
  const auto width = static_cast<std::size_t>(window.count());
  std::uint64_t within = 0, most = 0;
  for (std::size_t at = first; at < std::min(last, history.size()); ++at) {
    within += history[at].*count;
    if (at >= first + width) within -= history[at - width].*count;
    most = std::max(most, within);
  }
  return static_cast<double>(most) / static_cast<double>(width);
}

double FleetReport::mean(std::uint32_t Second::*count, seconds from, seconds to) const {
  return peak(count, from, to, to - from);
}

std::optional<seconds> FleetReport::drained(seconds from) const {
  for (auto at = from; at < settings.span; ++at)
    if (history[static_cast<std::size_t>(at.count())].retrying <= settings.devices / 10'000) return at;
  return std::nullopt;
}

double steady_rate(const FleetSettings& settings) {
  constexpr double k_part = (core::k_refresh_from + core::k_refresh_to) / 2;
  return settings.devices / (k_part * std::chrono::duration<double>(settings.lifetime).count());
}

seconds calm_window(const FleetSettings& settings) {
  return std::chrono::ceil<seconds>(std::chrono::duration<double>(5000 / steady_rate(settings)));
}

FleetReport simulate(const FleetSettings& settings) { return Fleet(settings).run(); }

}  // namespace fob::sim
