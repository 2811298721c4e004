#include "daemon/broker/audit_text.hpp"

#include "ipc/wire/limits.hpp"

#include <algorithm>
#include <cctype>

namespace fob::broker {
namespace {

using core::AuditRecord;
using wire::Json;

std::string decision(const AuditRecord& record) { return record.granted ? "granted" : "refused"; }

std::string shown(const std::string& text) { return wire::printable(text, wire::k_max_detail); }

// What is known, by name, in the order in which it is shown; numbers as they are.
std::vector<std::pair<std::string, Json>> known(const AuditRecord& record) {
  std::vector<std::pair<std::string, Json>> members;
  const auto add = [&](const char* name, Json value) { members.emplace_back(name, std::move(value)); };
  const auto add_text = [&](const char* name, const std::string& text) {
    if (!text.empty()) add(name, shown(text));
  };
  add_text("profile", record.profile);
  if (record.grant) add("grant", *record.grant);
  add_text("outcome", record.outcome);
  add_text("why", record.why);
  add_text("fingerprint", record.fingerprint);
  add("peer_pid", record.peer.pid);
  if (record.peer.uid) add("peer_uid", *record.peer.uid);
  if (record.peer.gid) add("peer_gid", *record.peer.gid);
  add_text("peer_unit", record.peer.unit.value().value_or(""));
  add_text("peer_exe", record.peer.exe.value().value_or(""));
  add_text("peer_exe_sha256", record.peer.exe_sha256.value().value_or(""));
  add_text("peer_label", record.peer.label.value().value_or(""));
  if (record.repeats > 0) add("repeats", record.repeats);
  return members;
}

std::string peer_text(const core::PeerFacts& peer) {
  std::string text = "process " + std::to_string(peer.pid) + " of user " +
                     (peer.uid ? std::to_string(*peer.uid) : std::string("?"));
  if (peer.unit.value()) text += ", unit " + shown(*peer.unit.value());
  if (peer.exe.value()) text += ", program " + shown(*peer.exe.value());
  return text;
}

}  // namespace

std::string audit_line(const AuditRecord& record) {
  std::string line = "audit: " + decision(record) + " " + record.what;
  if (!record.profile.empty()) line += " of " + shown(record.profile);
  line += " to " + peer_text(record.peer);
  if (record.grant) line += ", by grant " + std::to_string(*record.grant);
  if (!record.fingerprint.empty()) line += ", token " + record.fingerprint;
  if (!record.outcome.empty()) line += ", answered with " + record.outcome;
  if (!record.why.empty()) line += ": " + shown(record.why);
  if (record.repeats > 0) line += " (the same " + std::to_string(record.repeats) + " times more before)";
  return line;
}

Json to_json(const AuditRecord& record) {
  Json json = {{"number", record.number},
               {"at", to_rfc3339(record.at)},
               {"what", shown(record.what)},
               {"decision", decision(record)}};
  for (auto& [name, value] : known(record)) json[name] = std::move(value);
  return json;
}

std::vector<std::pair<std::string, std::string>> journal_fields(const AuditRecord& record) {
  std::vector<std::pair<std::string, std::string>> fields = {{"FOB_WHAT", shown(record.what)},
                                                             {"FOB_DECISION", decision(record)}};
  for (const auto& [name, value] : known(record)) {
    std::string field = "FOB_" + name;
    std::transform(field.begin(), field.end(), field.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    fields.emplace_back(std::move(field), value.is_string() ? value.get<std::string>() : value.dump());
  }
  return fields;
}

}  // namespace fob::broker
