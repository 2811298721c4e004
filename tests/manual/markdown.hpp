// The tables of documents in Markdown that are made from the programs' tables.
#pragma once

#include "tests/manual/command.hpp"

#include <string>
#include <string_view>

namespace fob::manual {

/// A command's own options.
std::string markdown_options(const Command& command);

/// The keys of a table of fob.toml: daemon, fleet, profile, grant or gateway.
std::string markdown_keys(std::string_view table);

}  // namespace fob::manual
