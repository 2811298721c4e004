// The parts of a man page that are made from the tables, in mdoc(7).
#pragma once

#include "tests/manual/command.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace fob::manual {

/// Whether a command has a page of its own.
using IsElsewhere = std::function<bool(const Command&)>;

/// How it is called. With `of_its_commands`: how each of its commands is.
std::string man_synopsis(const Command& command, bool of_its_commands);

/// Its options, as a list.
std::string man_options(const Command& command);

/// Its commands, under their headings, each with its arguments. One for which `has_its_own_page` is only
/// referred to.
std::string man_commands(const Command& command, const IsElsewhere& has_its_own_page);

/// fob's exit statuses, and of each the errors that end with it.
std::string man_exit_statuses();

/// The keys of a table of fob.toml: daemon, fleet, profile, grant or gateway.
std::string man_keys(std::string_view table);

}  // namespace fob::manual
