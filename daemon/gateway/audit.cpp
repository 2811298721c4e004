#include "daemon/gateway/audit.hpp"

#include <algorithm>
#include <iterator>

namespace fob::gateway {
namespace {

std::string user_text(const AuditRecord& record) {
  return record.user ? std::to_string(*record.user) : std::string("?");
}

std::string key_of(const AuditRecord& record) {
  std::string key = record.granted ? "+" : "-";
  for (const auto& part :
       {record.listener, record.profile, user_text(record), record.what, record.origin, record.why}) {
    key += part;
    key += '\0';
  }
  return key;
}

// What stands for refusals that are not told apart any more.
AuditRecord other_of(const AuditRecord& record, bool is_users) {
  AuditRecord other = record;
  if (!is_users) other.user.reset();
  other.what = "other requests";
  other.origin.clear();
  other.why = "too many kinds to tell apart";
  return other;
}

}  // namespace

void Audit::note(AuditRecord record) {
  const BootTime now = clock_.boot_now();
  Kind& kind = kind_of(record, now);
  kind.last = std::move(record);
  const unsigned most = kind.last.granted ? 1 : k_refusals_each;
  if (kind.told >= most) {
    ++kind.repeats;
    return;
  }
  ++kind.told;
  tell(kind);
}

// One of its own while there is room; then one for all else of the user, and then one for everybody else.
Audit::Kind& Audit::kind_of(AuditRecord& record, BootTime now) {
  if (!kinds_.contains(key_of(record)) && !has_room_for(record)) {
    forget_old(now);
    if (!has_room_for(record)) record = other_of(record, kinds_.size() < k_most_kinds);
  }
  Kind& kind = kinds_.try_emplace(key_of(record), Kind{record, now + k_pause}).first->second;
  if (now >= kind.until) {
    kind.until = now + k_pause;
    kind.told = 0;
  }
  return kind;
}

bool Audit::has_room_for(const AuditRecord& record) const {
  if (record.granted) return true;
  const auto of_user = std::count_if(kinds_.begin(), kinds_.end(), [&](const auto& kind) {
    return !kind.second.last.granted && kind.second.last.user == record.user;
  });
  return kinds_.size() < k_most_kinds && static_cast<std::size_t>(of_user) < k_most_kinds_of_user;
}

void Audit::forget_old(BootTime now) {
  for (auto kind = kinds_.begin(); kind != kinds_.end();) {
    const bool is_old = now >= kind->second.until;
    if (is_old) tell_repeats(kind->second);
    kind = is_old ? kinds_.erase(kind) : std::next(kind);
  }
}

void Audit::tell(Kind& kind) {
  kind.last.repeats = std::exchange(kind.repeats, 0);
  sink_(kind.last);
}

void Audit::tell_the_rest() {
  for (auto& [key, kind] : kinds_) tell_repeats(kind);
}

void Audit::tell_repeats(Kind& kind) {
  if (kind.repeats == 0) return;
  --kind.repeats;  // the record that tells of them is one of them
  tell(kind);
}

std::string audit_line(const AuditRecord& record) {
  std::string line = "audit: " + std::string(record.granted ? "granted " : "refused ") + record.what;
  line += " of " + record.profile + " to user " + user_text(record) + " by " + record.listener;
  if (!record.origin.empty()) line += ", page of " + record.origin;
  if (!record.why.empty()) line += ": " + record.why;
  if (record.repeats > 0) line += " (the same " + std::to_string(record.repeats) + " times more before)";
  return line;
}

std::vector<std::pair<std::string, std::string>> journal_fields(const AuditRecord& record) {
  std::vector<std::pair<std::string, std::string>> fields = {
      {"FOB_WHAT", record.what},
      {"FOB_DECISION", record.granted ? "granted" : "refused"},
      {"FOB_PROFILE", record.profile},
      {"FOB_LISTENER", record.listener}};
  if (record.user) fields.emplace_back("FOB_PEER_UID", std::to_string(*record.user));
  if (!record.origin.empty()) fields.emplace_back("FOB_ORIGIN", record.origin);
  if (!record.why.empty()) fields.emplace_back("FOB_WHY", record.why);
  if (record.repeats > 0) fields.emplace_back("FOB_REPEATS", std::to_string(record.repeats));
  return fields;
}

}  // namespace fob::gateway
