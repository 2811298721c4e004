// What a program that stays has to say to whoever runs it. Each line is of an event of one table, which says
// how much it matters, by what its reader should do (docs/logs.md), and whether others can cause it as often
// as they like: then what is the same within a minute is counted, not said again. Lines hold no secret and no
// token, which its fingerprint stands for; what came from others is made printable.
#pragma once

#include "ipc/base/clock.hpp"
#include "ipc/base/error.hpp"
#include "ipc/base/journal.hpp"
#include "ipc/base/repeats.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fob {

enum class Event : std::uint8_t {
  // Somebody must act, or apps will go, or are, without a token.
  gave_up,
  alarm,
  person_needed,
  no_token,
  fallback,
  reload_failed,
  accept_failed,
  bug,
  // Something is off that may need somebody; apps are served.
  refresh_failed,
  staged_refused,
  not_promoted,
  no_profile,
  void_grant,
  unconfined,
  unknown_peer,
  deaf_to_networks,
  not_kept,
  unheard_by_systemd,
  // A decision or a change that is worth knowing next week.
  alarm_over,
  fallback_over,
  promoted,
  staged_waits,
  credential_in_force,
  reloaded,
  refused,
  // Routine.
  granted,
  started,
  ended,
  store_chosen,
  token,
  token_taken_over,
  leftover_dropped,
  exchange_given_up,
  network_up,
  clock_set,
  resumed,
};

struct EventTraits {
  Event event;
  std::string_view word;  ///< FOB_EVENT in the journal
  Priority priority;
  bool counted;  ///< others cause it: more than one a minute of a profile and a kind are counted
};

/// The row of `event`. Total: every event has a row.
const EventTraits& traits(Event event);
std::span<const EventTraits> all_events();

/// What a line is about, for the fields of the journal. What is empty is left out.
struct About {
  std::string profile = {};               ///< it also stands before the words
  std::optional<ErrorCode> failure = {};  ///< FOB_KIND
  std::string fingerprint = {};           ///< of a token
  std::uint64_t credential_version = 0;
};

/// One thread.
class Log {
 public:
  /// Takes each line once.
  using Sink = std::function<void(Priority, const std::string& message, const Journal::Fields& fields)>;

  /// `clock` outlives it.
  Log(const Clock& clock, Sink sink) : clock_(clock), sink_(std::move(sink)) {}

  void say(Event event, std::string_view words, About about = {});
  /// A line that its maker has counted, and whose words and fields are printable.
  void record(Event event, const std::string& words, const Journal::Fields& fields) const;

  /// `arm` is called with the time at which to call tell_repeats(), where nothing else will tell of them.
  void when_repeated(std::function<void(BootTime)> arm) { arm_ = std::move(arm); }
  void tell_repeats();
  /// At the end: all that was only counted so far.
  void tell_the_rest();

 private:
  struct Line {
    Event event = Event::bug;
    std::string message;
    About about;
    BootTime at;
    std::uint64_t repeats = 0;
  };

  void tell_until(BootTime time);
  void tell(const Line& line) const;

  const Clock& clock_;
  Sink sink_;
  Repeats<Line> lines_;
  std::function<void(BootTime)> arm_;
  std::optional<BootTime> armed_for_;
};

}  // namespace fob
