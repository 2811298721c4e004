// fob audit: who asked fobd for what, with which facts, and what was decided.
#pragma once

#include "daemon/cli/context.hpp"
#include "ipc/wire/json.hpp"

#include <string>

namespace fob::cli {

struct AuditOptions {
  bool follow = false;
  bool json = false;
};

/// Prints the records that fobd keeps, and with `follow` each new one until it is interrupted, across
/// restarts of fobd.
Result<int> show_audit(const AuditOptions& options, const Context& context);

/// One record of GET /v1/audit as a line for people, without its end.
std::string audit_record_line(const wire::Json& record, bool coloured);

}  // namespace fob::cli
