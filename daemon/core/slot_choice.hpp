// Which of a profile's credentials a refresh asks with, and what its outcome is: the one in force, the one
// that is staged, or the one before. Pure: no I/O, no clock. The driver (broker/slot_exchange.cpp) obeys.
//
// What it promises: a refresh asks no slot twice, so it ends after at most three; a staged credential is
// never the reason that apps lose a token which the one in force would have brought; one that the authority
// refused is not offered to it again while there is another; a success is dropped only in favour of the
// credential in force, or because nobody allowed its use.
#pragma once

#include "daemon/core/failure_policy.hpp"

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace fob::core {

/// Where a profile keeps its credentials (design.md §7).
enum class Slot : std::uint8_t { current, next, previous };

/// What became of a staged credential that worked.
enum class Promotion : std::uint8_t {
  promoted,    ///< it is the one in force now
  left_alone,  ///< a rotation with a trial staged it, and decides itself
  failed,
};

/// A credential that works, in the place of the one in force that is refused.
struct Offer {
  Slot slot;  ///< next or previous
  std::uint64_t version;

  bool operator==(const Offer&) const = default;
};

/// "rollback" or "promote": what puts it in force, as a word of `fob credential`.
std::string_view command_of(const Offer& offer);

class SlotChoice {
 public:
  // What to do next.
  struct Ask {
    Slot slot;
  };
  struct PromoteStaged {
    std::uint64_t version;
  };
  /// The refresh is over: the token that this slot brought.
  struct Take {
    Slot slot;
  };
  /// The refresh is over: or why there is none.
  using Fail = Failure;
  using Step = std::variant<Ask, PromoteStaged, Take, Fail>;

  SlotChoice(std::string profile, bool auto_fallback)
      : profile_(std::move(profile)), auto_fallback_(auto_fallback) {}

  /// Begins a refresh. One that was under way was given up.
  Step begin();
  /// The slot that was to be asked brought a token with the credential of this version.
  Step on_success(std::uint64_t version);
  Step on_failure(const Failure& failure);
  Step on_promotion(Promotion outcome);

  /// Other credentials are in the store: what was learnt no longer counts, nor does what a refresh under way
  /// still learns.
  void on_credential_changed();
  /// Returns whether a refresh now could have another outcome.
  bool set_auto_fallback(bool wanted);

  /// For showing.
  const std::optional<Offer>& offer() const { return known_.offer; }
  /// The slot that is used in the place of the current one.
  std::optional<Slot> fallback() const { return known_.fallback; }
  /// How the authority refused the staged credential.
  const std::optional<Failure>& staged_refusal() const { return known_.staged_refusal; }

 private:
  enum class Staged : std::uint8_t {
    unknown,
    none,
    refused,
    left_alone,  ///< there is one that works, and whoever staged it decides
  };

  // What outlasts a refresh, until the credentials change.
  struct Knowledge {
    Staged staged = Staged::unknown;
    std::optional<std::uint64_t> left_alone;  ///< the version
    std::optional<Failure> staged_refusal;
    // Since the current one was first refused:
    bool current_refused = false;
    std::bitset<3> tried;  ///< the others that have failed for good
    std::optional<Offer> offer;
    std::optional<Slot> fallback;
  };

  // One refresh.
  struct Run {
    std::bitset<3> asked;
    Slot asking = Slot::current;
    std::uint64_t promoting = 0;
    std::optional<std::uint64_t> standby;  ///< the staged one works, and was left alone: its version
    std::optional<Failure> current_failure, next_failure;
    std::optional<Knowledge> outdated;  ///< the credentials changed meanwhile: what to decide by instead
  };

  Knowledge& mind() { return run_.outdated ? *run_.outdated : known_; }
  bool asked(Slot slot) const { return run_.asked.test(static_cast<std::size_t>(slot)); }
  bool tried(Slot slot) { return mind().tried.test(static_cast<std::size_t>(slot)); }
  Step ask(Slot slot);
  Step staged_works(std::uint64_t version);
  Step other_works(Slot slot, std::uint64_t version);
  void learn_of_staged(const Failure& failure);
  Step after_other_failed(const Failure& failure);
  Step after_current_failed();
  Step after_current_refused();
  Step after_current_missing();
  Step refuse();

  std::string profile_;
  bool auto_fallback_;
  Knowledge known_;
  Run run_;
};

}  // namespace fob::core
