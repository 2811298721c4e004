// One refresh of a profile as its keeper sees it: one exchange with one outcome. Inside, it asks fob-exchange
// slot by slot as core/slot_choice.hpp decides, and lets a staged credential that works be promoted.
#pragma once

#include "daemon/broker/surroundings.hpp"
#include "daemon/core/slot_choice.hpp"
#include "ipc/wire/exchange_line.hpp"

#include <boost/asio/awaitable.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace fob::broker {

class SlotExchange {
 public:
  using Outcome = std::variant<wire::ExchangeSuccess, core::Failure>;

  struct StagedRefused {
    std::string detail;
    WallTime at;
  };

  /// For showing.
  struct Status {
    std::optional<core::Offer> offer;    ///< what could be put in force instead of what is refused
    std::optional<core::Slot> fallback;  ///< what is used in the place of the current one
    std::optional<StagedRefused> staged_refused;
  };

  SlotExchange(std::string profile, bool auto_fallback, const Surroundings& around);

  /// One refresh; never two at once. Ends soon after it is cancelled, and what was asked then counts for
  /// nothing.
  static boost::asio::awaitable<Outcome> run(std::shared_ptr<SlotExchange> self);

  void credential_changed();
  /// Returns whether a refresh now could have another outcome.
  bool set_auto_fallback(bool wanted);
  Status status() const;

 private:
  core::SlotChoice::Step take(core::Slot slot, wire::ExchangeAnswer answer);
  core::SlotChoice::Step take(std::uint64_t version, const PromotionOutcome& promotion);
  void tell_of_staged();
  void tell_of_fallback();

  std::string profile_;
  Surroundings around_;
  core::SlotChoice choice_;
  std::map<core::Slot, wire::ExchangeSuccess> successes_;  ///< of the refresh under way
  // What has been told in the log:
  std::optional<StagedRefused> staged_refused_;
  std::optional<core::Slot> fallback_;
};

/// "current", "next" or "previous".
std::string_view to_string(core::Slot slot);

}  // namespace fob::broker
