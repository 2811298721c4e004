// The parts of a document that are made from the tables, between two lines that say so:
//
//   .\" made: synopsis fobd        <!-- made: keys profile -->
//   …                              …
//   .\" end                        <!-- end -->
//
// Everything else in the document is written by hand, and left as it is.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace fob::manual {

/// What stands in a part, from the words behind "made:"; lines, each with its end.
using Maker = std::function<std::string(const std::vector<std::string>& words)>;

/// The document with each of its parts made anew. Throws where a part has no end.
std::string with_parts_made(const std::string& document, const Maker& make);

}  // namespace fob::manual
