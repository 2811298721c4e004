// What was asked and what was decided, in order and bounded: the last records are kept, and what is the same
// as a moment ago is counted, not recorded again, so that a hot loop makes one record a minute and a crowd
// pushes nobody out. Pure.
#pragma once

#include "daemon/core/peer_facts.hpp"
#include "ipc/base/clock.hpp"
#include "ipc/base/repeats.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace fob::core {

struct AuditRecord {
  std::uint64_t number = 0;  ///< counted from 1 in this process's life
  WallTime at;               ///< for showing
  std::string what;          ///< "token", "rejected", "events", "profiles", or "operator POST /v1/refresh"
  std::string profile;       ///< "" where none was meant
  bool granted = false;      ///< whether the process may have what it asked for
  std::optional<std::size_t> grant;  ///< by which, counted from 1
  std::string why;                   ///< of a refusal: which grant failed by what, for operators
  std::string outcome;               ///< the urn of the problem it was answered with; "" where all went well
  std::string fingerprint;           ///< of the token that was handed out
  PeerFacts peer;
  std::uint64_t repeats = 0;  ///< the same ones since the record before of this kind
};

class AuditLog {
 public:
  static constexpr std::size_t k_most_kept = 1024;
  /// More kinds than this of one user, or of all, at once are not told apart.
  static constexpr std::size_t k_most_kinds_of_user = 32;
  static constexpr std::size_t k_most_kinds = 1024;

  /// Stands for the kind of a record, so that what is repeated fast need not be told in full again.
  class Ticket {
    friend class AuditLog;
    Repeats<AuditRecord>::Kind* kind = nullptr;
    std::uint64_t forgotten = 0;
  };

  /// Whether it became a record, kept().back(); else it is counted as a repeat of one.
  bool add(AuditRecord record, BootTime now) { return add(std::move(record), now, nullptr); }
  bool add(AuditRecord record, BootTime now, Ticket* ticket);
  /// Counts one more like that which the ticket was given for. False where it must be told in full again: it
  /// makes a record, or nothing is known of it any more.
  bool repeat(const Ticket& ticket, BootTime now);
  /// When fold() has a record to make; nothing while nothing is repeated.
  std::optional<BootTime> due() const { return kinds_.due(); }
  /// Makes the records of what was repeated since theirs, `at`; how many they are.
  std::size_t fold(BootTime now, WallTime at);
  /// The last ones, oldest first.
  const std::deque<AuditRecord>& kept() const { return kept_; }

 private:
  std::string kind_of(const AuditRecord& record, BootTime now);
  void forget_quiet(BootTime now);
  void keep(AuditRecord record);

  Repeats<AuditRecord> kinds_;
  std::uint64_t forgotten_ = 0;  ///< how often some were; tickets from before are void
  std::deque<AuditRecord> kept_;
  std::uint64_t number_ = 0;
};

}  // namespace fob::core
