// A record of the audit as operators get it: a line for the log, an object for who reads by program, fields
// for the journal. Words that a process chose for itself are bounded and free of control characters.
#pragma once

#include "daemon/core/audit_log.hpp"
#include "ipc/wire/json.hpp"

#include <string>
#include <utility>
#include <vector>

namespace fob::broker {

std::string audit_line(const core::AuditRecord& record);

/// One record of GET /v1/audit (ipc/PROTOCOL.md). What is not known is left out.
wire::Json to_json(const core::AuditRecord& record);

/// By FOB_* names, without the line itself. No value holds a line break.
std::vector<std::pair<std::string, std::string>> journal_fields(const core::AuditRecord& record);

}  // namespace fob::broker
