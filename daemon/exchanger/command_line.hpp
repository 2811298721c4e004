// fob-exchange's command line: which arguments there are, and what its help says of them. main reads it; the
// man page is made from it.
#pragma once

#include "daemon/config/locations.hpp"

#include <string>

namespace CLI {
class App;
}

namespace fob::exchanger {

struct Arguments {
  config::LocationFlags at;
  std::string profile;   ///< "": any
  std::string for_user;  ///< "": whomever the socket's mode lets in
  std::string probe;     ///< "": none
};

/// `arguments` is filled when `app` parses, and must live until then.
void add_arguments(CLI::App& app, Arguments& arguments);

}  // namespace fob::exchanger
