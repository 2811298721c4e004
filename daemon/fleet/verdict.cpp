#include "daemon/fleet/verdict.hpp"

#include <algorithm>

namespace fob::fleet {
namespace {

Verdict refused(Reason reason) { return {Verdict::Kind::refuse, reason, {}}; }

}  // namespace

Verdict judge(const BundleHeader& header, std::size_t wave, const Standing& standing) {
  if (!standing.has_profile) return refused(Reason::unknown_profile);
  if (header.serial == standing.last_serial) return refused(Reason::replayed);
  if (header.serial < standing.last_serial) return refused(Reason::lower_serial);
  if (standing.now >= header.not_after) return refused(Reason::expired);

  const Time until = std::max(header.not_before, header.waves.at(wave).from);
  if (standing.now < header.not_before) return {Verdict::Kind::wait, Reason::not_yet_valid, until};
  if (standing.now < until) return {Verdict::Kind::wait, Reason::later_wave, until};
  return {};
}

}  // namespace fob::fleet
