// fob watch: what a profile has to give, line by line as it changes, across restarts of fobd.
#pragma once

#include "daemon/cli/context.hpp"

#include <optional>
#include <string>

namespace fob::cli {

struct WatchOptions {
  std::optional<std::string> profile;
  bool json = false;
};

/// Runs until it is interrupted, or the profile is taken away. Prints fingerprints, never a token.
Result<int> watch(const WatchOptions& options, const Context& context);

}  // namespace fob::cli
