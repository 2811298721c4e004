// Keeps a valid token of one profile at hand: drives the refresh state machine (core/refresh.hpp) with a real
// timer and real exchanges, and lets requests wait for their outcome.
#pragma once

#include "daemon/broker/duration_histogram.hpp"
#include "daemon/broker/slot_exchange.hpp"
#include "daemon/broker/surroundings.hpp"
#include "daemon/core/refresh.hpp"
#include "daemon/core/refusal_alarm.hpp"
#include "daemon/core/token_recipients.hpp"
#include "ipc/transport/boot_timer.hpp"
#include "ipc/wire/app_messages.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace fob::broker {

class Following;

/// A token, or why there is none, as an app is to be told.
using TokenOutcome = boost::system::result<core::TokenPtr, wire::Problem>;

struct KeeperSettings {
  std::string purpose;  ///< whose tokens these are and for what; the same for the keeper's life
  core::RefreshSettings refresh;
  bool auto_fallback = false;  ///< use another credential that works while the one in force is refused
};

/// One thread. Held by shared_ptr, since waiting requests and exchanges under way keep it alive.
class TokenKeeper : public std::enable_shared_from_this<TokenKeeper> {
 public:
  TokenKeeper(std::string profile, KeeperSettings settings, const Surroundings& surroundings);

  void start();
  /// Other settings for the same authority; see core::Refresh::on_settings_changed().
  void reconfigure(KeeperSettings settings, bool worth_a_try);
  /// No more exchanges and no more tokens; requests that wait are told why.
  void retire(wire::Problem why);

  /// A token that lives for `min_ttl` more, waiting for at most `wait`; see design.md §4.
  boost::asio::awaitable<TokenOutcome> token(std::optional<std::chrono::milliseconds> min_ttl,
                                             std::chrono::milliseconds wait);
  /// Whether token() would return this very one, and nothing else were to be done. Then the demand is noted;
  /// who serves the token tells by served_plainly().
  bool serves_plainly(const core::TokenPtr& token, std::optional<std::chrono::milliseconds> min_ttl,
                      BootTime now);
  void served_plainly(pid_t pid, uid_t uid, BootTime now) {
    ++served_;
    recipients_.add(pid, uid, now);
  }
  /// Who hands a token of this keeper out tells to whom.
  void handed_to(const core::PeerFacts& peer, core::Handing how) {
    recipients_.add(peer, how, around_.clock.boot_now());
  }
  /// The successor of the token with this fingerprint, which an app got a 401 with.
  boost::asio::awaitable<TokenOutcome> replace_rejected(std::string fingerprint,
                                                        std::chrono::milliseconds wait);
  /// A new token whatever the backoff says; an exchange under way is joined.
  boost::asio::awaitable<TokenOutcome> refresh();
  /// The store holds another credential: the outcome of the first exchange with it.
  boost::asio::awaitable<TokenOutcome> credential_changed();
  /// The device's surroundings changed; see core::Refresh::on_change().
  void change(core::Change change);

  /// Lets everyone who follows look again, at available() and at whether they still may.
  void wake_followers();
  /// What apps can have now: a token, or why there is none.
  TokenOutcome available() const;
  bool retired() const { return retired_.has_value(); }
  bool exchanging() const { return in_flight_; }
  /// Whether a network that comes up would make a difference.
  bool minds_network() const { return !retired_ && machine_.minds_network(); }

  /// What became of the tokens that apps reported as rejected.
  struct Rejections {
    std::uint64_t ok = 0;        ///< another one was given
    std::uint64_t too_soon = 0;  ///< no exchange was made, since one had just been
    std::uint64_t failed = 0;    ///< there was no other in time
  };

  /// For showing. Times are as of the call.
  struct Status {
    core::TokenPtr token;  ///< alive, or nothing
    bool ever_had_token;
    bool on_demand;
    bool exchanging;
    /// No refresh is planned, since nobody asks; and who asked last was served, or would be by now.
    bool idle;
    std::optional<std::chrono::nanoseconds> next_attempt_in;
    core::Reason reason;
    std::optional<core::Failure> last_failure;  ///< the last there was, be it long over; see failing
    std::optional<WallTime> last_failure_at;
    bool failing;  ///< the last exchange failed
    std::uint64_t exchanges_ok;
    std::uint64_t exchanges_failed;
    std::map<ErrorCode, std::uint64_t> failures;  ///< of exchanges, by how
    DurationHistogram took;                       ///< exchanges, from their beginning to their outcome
    Rejections rejections;
    std::optional<std::chrono::milliseconds> clock_skew;  ///< as the last exchange that knew told
    std::uint64_t served;
    std::optional<core::RefusalAlarm::State> alarm;
    SlotExchange::Status slots;
  };
  Status status() const;
  const core::TokenRecipients& recipients() const { return recipients_; }
  const std::string& profile() const { return profile_; }

 private:
  friend class Following;

  void apply(core::Actions actions);
  void begin_exchange();
  void exchange_ended(std::exception_ptr error, const SlotExchange::Outcome& outcome);
  void settle(const SlotExchange::Outcome& outcome);
  core::Actions take(const wire::ExchangeSuccess& success);
  core::Actions take(const core::Failure& failure);
  void end_alarm(std::string_view why);
  Event event_of(const core::Failure& failure, BootTime now) const;
  void tell_of(const core::Token& token);
  void leave_behind();
  TokenOutcome outcome();
  wire::Problem problem() const;
  boost::asio::awaitable<void> await_settlement(BootTime until);
  boost::asio::awaitable<TokenOutcome> await_exchange(std::uint64_t number);

  static boost::asio::awaitable<void> keep_time(std::shared_ptr<TokenKeeper> self);

  std::string profile_;
  Surroundings around_;
  core::Refresh machine_;
  std::shared_ptr<SlotExchange> slots_;
  core::RefusalAlarm alarm_;
  transport::BootTimer timer_;
  std::string purpose_;
  core::Resumption left_;  ///< what a successor would find
  std::optional<wire::Problem> retired_;
  BootTime began_;  ///< when the exchange under way was begun, as this process saw it
  boost::asio::cancellation_signal abandon_;
  bool in_flight_ = false;   ///< an exchange is running, perhaps one that was given up and has not ended yet
  bool begin_anew_ = false;  ///< when the one that was given up has ended
  std::uint64_t begun_ = 0;  ///< exchanges so far; also the number of the one under way
  std::uint64_t settled_ = 0;  ///< the number of the last one that ended, and was not given up
  std::list<boost::asio::steady_timer*> waiting_;
  std::list<Following*> followers_;
  std::optional<core::Failure> last_failure_;
  std::optional<WallTime> last_failure_at_;
  std::optional<BootTime> failing_since_;
  std::uint64_t told_version_ = 0;  ///< of the credential that tokens are of, as the log has it
  std::uint64_t ok_ = 0, failed_ = 0, served_ = 0;
  std::map<ErrorCode, std::uint64_t> failures_;
  DurationHistogram took_;
  Rejections rejections_;
  std::optional<std::chrono::milliseconds> clock_skew_;
  core::TokenRecipients recipients_;
};

/// "valid", "expired", "none" (there never was a token) or "idle": one word for each profile's state,
/// everywhere.
std::string_view state_word(const TokenKeeper::Status& status);

}  // namespace fob::broker
