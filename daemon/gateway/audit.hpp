// Who asked the gateway for what, and what was decided: a record a minute of what is the same, so that a hot
// loop is no flood; more of refusals, for whoever sets an app up looks for them. All of it is bounded,
// however many things apps think of, and one user's flood hides no other's records. One thread.
#pragma once

#include "ipc/base/clock.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace fob::gateway {

/// Words of the app's own are cut and made printable by who makes one.
struct AuditRecord {
  std::string listener, profile;
  std::optional<uid_t> user;  ///< nothing where the kernel does not tell any more
  std::string what;           ///< "connect", "token", or the route that a request was passed on by
  std::string origin;         ///< of the page; "" for what is no page's
  bool granted = false;
  std::string why;            ///< of a refusal
  std::uint64_t repeats = 0;  ///< the same ones that were not recorded before this one
};

class Audit {
 public:
  static constexpr std::chrono::seconds k_pause{60};
  static constexpr unsigned k_refusals_each = 32;  ///< of one kind in a pause
  /// Of refusals, whose words are the app's own; what is granted comes in as many kinds as are configured.
  static constexpr std::size_t k_most_kinds_of_user = 32;
  static constexpr std::size_t k_most_kinds = 256;

  using Sink = std::function<void(const AuditRecord&)>;
  /// `clock` outlives it.
  Audit(const Clock& clock, Sink sink) : clock_(clock), sink_(std::move(sink)) {}

  void note(AuditRecord record);
  /// Tells what was only counted so far: at the end.
  void tell_the_rest();

 private:
  struct Kind {
    AuditRecord last;
    BootTime until;
    unsigned told = 0;
    std::uint64_t repeats = 0;
  };
  Kind& kind_of(AuditRecord& record, BootTime now);
  bool has_room_for(const AuditRecord& record) const;
  void forget_old(BootTime now);
  void tell(Kind& kind);
  void tell_repeats(Kind& kind);

  const Clock& clock_;
  Sink sink_;
  std::map<std::string, Kind> kinds_;
};

/// A line for the log.
std::string audit_line(const AuditRecord& record);
/// By the FOB_* names that fobd's records have, without the line itself. No value holds a line break.
std::vector<std::pair<std::string, std::string>> journal_fields(const AuditRecord& record);

}  // namespace fob::gateway
