// `fob credential promote --asked`: the promotion of a staged credential that works, as fobd asks for it in
// the system installation, where systemd starts this program with a connection as stdin and stdout. One
// request line in, one answer line out (wire/promotion_line.hpp). Who asks is the broker, which apps attack:
// the request is bounded in size and time, and can have no other effect than `--version N --if-untested`.
#pragma once

#include "daemon/cli/context.hpp"

namespace fob::cli {

/// Reads from `in`, answers on `out`. Whatever goes wrong is the answer; it fails only where that could not
/// be given.
Result<int> answer_promotion(int in, int out, const Context& context);

}  // namespace fob::cli
