// Ways for the sandbox to fail on demand, as clouds and the networks before them do. One fault at a time, for
// the token routes, the API or both, for so many requests or until it is taken away. It comes from the admin
// routes, checked.
#pragma once

#include "ipc/base/result.hpp"
#include "tests/authority/http.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace fob::authority {

enum class FaultKind : std::uint8_t {
  status,
  slow,
  hang,
  reset,
  empty,
  truncated,
  garbage,
  json_garbage,
  html,
  huge,
  redirect,
  no_expiry,
  past_expiry,
  error_200
};

/// Which routes a request asks for.
enum class Area : std::uint8_t { token, api, admin, portal, none };

struct Fault {
  FaultKind kind = FaultKind::status;
  bool on_token = true;
  bool on_api = false;
  std::optional<std::int64_t> count;       ///< requests it still has; nothing: until removed
  std::chrono::milliseconds delay{0};      ///< before anything else is done
  int status = 500;                        ///< of `status` and `redirect`
  std::optional<std::string> retry_after;  ///< verbatim, right or wrong
  std::optional<std::string> body;
  std::string location;  ///< of `redirect`
  bool opaque = false;   ///< of `no_expiry`: the token is no JWT either, so that nothing tells when it ends
};

/// Where `redirect` sends to unless told otherwise: the sandbox counts who comes there, since nobody should.
inline constexpr std::string_view k_redirect_trap = "/redirected";

Result<Fault> parse_fault(const Json& json);
Json to_json(const Fault& fault);

/// What a request gets in place of its answer; nothing if the fault lets the answer be made (`slow`) or only
/// changes it
/// (`no_expiry`, `past_expiry`).
std::optional<Response> answer_instead(const Fault& fault);

}  // namespace fob::authority
