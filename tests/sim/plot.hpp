// The fleet's report as a picture and as a table.
#pragma once

#include "tests/sim/fleet.hpp"

#include <ostream>

namespace fob::sim {

/// An SVG of three panels: what came to the authority, the same in multiples of the long-run mean (and, if
/// given, another fleet's beside it), and how many devices had no valid token.
void write_svg(std::ostream& out, const FleetReport& report, const FleetReport* other);

/// A row for every ten seconds: means of the counts in them, and how the fleet stood at their beginning.
void write_csv(std::ostream& out, const FleetReport& report);

}  // namespace fob::sim
