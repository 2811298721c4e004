// fob-witness's command line: which arguments there are, and what its help says of them. main reads it; the
// man page is made from it.
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>

namespace CLI {
class App;
}

namespace fob::witness {

/// Who may ask, beside root: one of the two, or its own user.
struct Arguments {
  std::optional<uid_t> for_uid;
  std::string for_user;
};

/// `arguments` is filled when `app` parses, and must live until then.
void add_arguments(CLI::App& app, Arguments& arguments);

}  // namespace fob::witness
