#include "daemon/exchanger/lifetime.hpp"

#include "ipc/wire/limits.hpp"

#include <algorithm>

namespace fob::exchanger {
namespace {

using std::chrono::milliseconds;

// Date has whole seconds, so when the server wrote it, its clock showed anything up to a second more: the
// later end is the one that takes no dead token for a live one.
constexpr milliseconds k_date_grain{1000};

Result<milliseconds> claimed_lifetime(const ExpiryFacts& facts) {
  if (facts.absolute && facts.server_date) return *facts.absolute - *facts.server_date - k_date_grain;
  if (facts.relative) return *facts.relative;
  if (facts.jwt.exp && facts.jwt.iat) return milliseconds(*facts.jwt.exp - *facts.jwt.iat);
  if (facts.absolute)
    return fail(ErrorCode::bad_answer,
                "it says when the token expires, but has no Date header to measure that against");
  return fail(ErrorCode::bad_answer, "it does not say when the token expires");
}

}  // namespace

Result<milliseconds> measure_lifetime(const ExpiryFacts& facts) {
  const auto claimed = claimed_lifetime(facts);
  if (!claimed) return claimed;
  milliseconds lifetime = *claimed;
  // exp has whole seconds, and is what other servers check: an expiresOn with a fraction may outlive it.
  if (facts.jwt.exp && facts.server_date)
    lifetime = std::min<milliseconds>(lifetime, *facts.jwt.exp - *facts.server_date - k_date_grain);
  if (lifetime <= milliseconds(0))
    return fail(ErrorCode::bad_answer, "its token has already expired by the authority's own clock");
  if (lifetime > wire::k_max_lifetime)
    return fail(ErrorCode::bad_answer, "its token claims to live for more than a year, which is nonsense");
  return lifetime;
}

}  // namespace fob::exchanger
