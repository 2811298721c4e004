// fob config …: what the configuration says, without touching anything.
#pragma once

#include "daemon/cli/context.hpp"

namespace fob::cli {

Result<int> check_config(const Context& context);
Result<int> show_config(const Context& context);
/// The names of the profiles, one a line, for a shell that completes one: without a word where there is
/// nothing to read.
Result<int> list_profiles(const Context& context);

}  // namespace fob::cli
