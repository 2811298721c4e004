// fob config …: what the configuration says, without touching anything.
#pragma once

#include "daemon/cli/context.hpp"

namespace fob::cli {

Result<int> check_config(const Context& context);
Result<int> show_config(const Context& context);

}  // namespace fob::cli
