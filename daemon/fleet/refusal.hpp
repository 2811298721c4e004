// Why a bundle was not taken, or not yet. One list and one table: reason → the word in receipts → what a
// person is told. Nothing else in fob words these.
#pragma once

#include <boost/system/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fob::fleet {

enum class Reason : std::uint8_t {
  // the file
  unreadable,
  malformed,
  too_large,
  truncated,
  // who made it, and for whom
  wrong_signer,
  bad_signature,
  not_addressed,
  cannot_open,
  bad_payload,
  other_device,
  other_profile,
  other_serial,
  // policy: judge() and what the caller knows
  unknown_profile,
  replayed,
  lower_serial,
  expired,
  not_yet_valid,
  later_wave,
};

/// What a Reason means to those outside.
struct ReasonTraits {
  Reason reason;
  std::string_view word;      ///< in receipts and reports
  std::string_view sentence;  ///< for a person: what it means and what to do next
  bool may_change = false;    ///< the same file may be taken once something on the device is mended
};

/// The row of `reason`. Total: every reason has a row.
const ReasonTraits& traits(Reason reason);

/// The reason whose word is `word`; nothing if there is none.
std::optional<Reason> reason_of(std::string_view word);

/// A bundle that was refused. `detail` says what exactly was wrong, in a few words; it never holds a secret
/// and may be empty.
struct Refusal {
  Reason reason;
  std::string detail;
};

/// The sentence of the reason, and the detail in parentheses.
std::string explain(const Refusal& refusal);

/// A value, or why the bundle gives none.
template <class T>
using Verified = boost::system::result<T, Refusal>;

/// What Verified::value() throws where a caller did not look first: a bug.
[[noreturn]] void throw_exception_from_error(const Refusal& refusal, const boost::source_location& where);

}  // namespace fob::fleet
