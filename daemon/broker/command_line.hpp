// fobd's command line: which arguments there are, and what its help says of them. main reads it; the man page
// and the shells' completions are made from it.
#pragma once

#include "daemon/config/locations.hpp"

namespace CLI {
class App;
}

namespace fob::broker {

struct Arguments {
  config::LocationFlags at;
  bool units = false;  ///< ask units over their sockets, instead of starting programs
};

/// `arguments` is filled when `app` parses, and must live until then.
void add_arguments(CLI::App& app, Arguments& arguments);

}  // namespace fob::broker
