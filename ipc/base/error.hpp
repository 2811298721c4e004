// The one list of what can go wrong, and the one table of what each means outside: its `urn:fob:` name, its
// HTTP status, fob's exit status, and whether waiting helps. Nothing else in fob maps an error to a number.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fob {

enum class ErrorCode : std::uint8_t {
  // the app's request (design.md §4)
  bad_request,
  not_found,
  method_not_allowed,
  body_too_large,
  head_too_large,
  too_many_requests,
  not_granted,
  unknown_profile,
  // no token to be had; the exchanger's words for why (design.md §1)
  no_credential,
  rejected,
  forbidden,
  rate_limited,
  unreachable,
  timeout,
  tls,
  clock_wrong,
  bad_answer,
  store_locked,
  config,
  // the command line's own
  usage,
  daemon_not_running,
  store,
  store_damaged,
  // a bug or a broken machine
  internal,
};

/// What went wrong. `detail` is for a person: what, where, and what to do next. It never holds a secret or a
/// token.
struct Error {
  ErrorCode code;
  std::string detail;
};

/// What an ErrorCode means to those outside.
struct ErrorTraits {
  ErrorCode code;
  std::string_view kind;   ///< the word on the exchange line (design.md §1); "" for what never crosses it
  std::string_view urn;    ///< `urn:fob:` name in a problem document (RFC 9457)
  int http_status;         ///< RFC 9110 §15
  int exit_status;         ///< design.md §5
  bool waiting_helps;      ///< a Retry-After is worth giving
  std::string_view title;  ///< a few words, the same for every occurrence
};

/// The row of `code`. Total: every code has a row.
const ErrorTraits& traits(ErrorCode code);

/// The code whose exchange-line word is `kind`; nothing if there is none.
std::optional<ErrorCode> code_of_kind(std::string_view kind);

/// The first code with this `urn:fob:` name, for a client that reads a problem document; nothing if unknown.
std::optional<ErrorCode> code_of_urn(std::string_view urn);

/// "path: Permission denied", from errno.
std::string with_errno(std::string_view what);

}  // namespace fob
