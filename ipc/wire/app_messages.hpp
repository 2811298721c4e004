// What apps and fobd say to each other on fob.sock (design.md §4), as values and as bytes. Requests come from
// any process on the device and are hostile; answers are read by libfob and the command line.
#pragma once

#include "ipc/base/clock.hpp"
#include "ipc/base/result.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fob::wire {

/// `GET /v1/token?profile=P&min_ttl=S&wait=S`
struct TokenQuery {
  std::optional<std::string> profile;
  std::optional<std::chrono::milliseconds> min_ttl;
  std::chrono::milliseconds wait{};
};

/// A request target in origin form (RFC 9112 §3.2.1), split: the path, and the query's parameters decoded.
struct Target {
  std::string path;
  std::vector<std::pair<std::string, std::string>> parameters;
};

/// Fails with bad_request where the target is not in origin form or names a parameter twice.
Result<Target> decode_target(std::string_view target);

/// The query of GET /v1/token, strictly: unknown parameters, odd numbers and bad names are errors that say
/// which.
Result<TokenQuery> decode_token_query(const Target& target);

/// The parameter `profile`, the only one allowed; nothing if it is left out.
Result<std::optional<std::string>> decode_profile_query(const Target& target);

/// 200 of GET /v1/token and of POST /v1/token/rejected.
struct TokenAnswer {
  std::string access_token;
  std::chrono::seconds expires_in{};  ///< measured, rounded to the second
  WallTime expires_at;                ///< for showing only
  std::string profile;
  std::vector<std::string> scopes;
  std::string fingerprint;
};

std::string encode(const TokenAnswer& answer);
Result<TokenAnswer> decode_token_answer(std::string_view body);

/// POST /v1/token/rejected: which token an app got a 401 with.
struct RejectedReport {
  std::optional<std::string> profile;
  std::string fingerprint;  ///< of the token, whichever way it was named
};

Result<RejectedReport> decode_rejected_report(std::string_view body);

/// A problem document (RFC 9457). `type` and `title` follow from the code.
struct Problem {
  ErrorCode code = ErrorCode::internal;
  std::string detail;
  std::optional<std::chrono::seconds> retry_after;  ///< travels in the header Retry-After
};

/// For results whose error is a Problem; as throw_exception_from_error() of base/result.hpp.
[[noreturn]] inline void throw_exception_from_error(const Problem& problem,
                                                    const boost::source_location& where) {
  fob::throw_exception_from_error(Error{problem.code, problem.detail}, where);
}

std::string encode(const Problem& problem);
/// What an answer with this status and body says; never fails: a body that is no problem document becomes
/// `internal`.
Problem decode_problem(int status, std::string_view body);

}  // namespace fob::wire
