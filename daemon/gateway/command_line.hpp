// fob-gateway's command line: which arguments there are, and what its help says of them. main reads it; the
// man page and the shells' completions are made from it.
#pragma once

#include "daemon/config/locations.hpp"

namespace CLI {
class App;
}

namespace fob::gateway {

struct Arguments {
  config::LocationFlags at;
  unsigned idle_after_s = 60;  ///< where systemd started it for a connection
};

/// `arguments` is filled when `app` parses, and must live until then.
void add_arguments(CLI::App& app, Arguments& arguments);

}  // namespace fob::gateway
