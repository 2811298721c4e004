// What the doctor says of one thing: how it is, in a line, and the very command that mends it. Made to be
// pasted into a report: no secret, no token, no client id.
#pragma once

#include "ipc/base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace fob::doctor {

/// What is looked at, in this order: what stands first is what the rest stands on.
enum class Check : std::uint8_t {
  configuration,
  permissions,
  sockets,
  daemon,
  store,
  key,
  clock,
  dns,
  proxy,
  tls,
  endpoint,
  credential,
  scopes,
  token,
  grants,
  units,
  sandbox,
  version
};
std::string_view to_string(Check check);

enum class Verdict : std::uint8_t {
  pass,
  warn,  ///< apps have their tokens, but somebody should look
  fail,
  skip  ///< not looked at; `what` says why
};
std::string_view to_string(Verdict verdict);

struct Finding {
  Check check = Check::configuration;
  Verdict verdict = Verdict::pass;
  std::string what;
  /// For a shell; UPPER CASE stands for what only a person knows. Where the fault is in nobody's hands here,
  /// it is what tries again.
  std::string mend;
  ErrorCode code = ErrorCode::internal;  ///< of a failure; gives the exit status
};

inline Finding pass(Check check, std::string what) { return {check, Verdict::pass, std::move(what), "", {}}; }
inline Finding skip(Check check, std::string why, std::string mend = "") {
  return {check, Verdict::skip, std::move(why), std::move(mend), {}};
}
inline Finding warn(Check check, std::string what, std::string mend) {
  return {check, Verdict::warn, std::move(what), std::move(mend), {}};
}
inline Finding failure(Check check, ErrorCode code, std::string what, std::string mend) {
  return {check, Verdict::fail, std::move(what), std::move(mend), code};
}

}  // namespace fob::doctor
