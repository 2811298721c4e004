#include "daemon/core/audit_log.hpp"

#include <algorithm>
#include <utility>

namespace fob::core {
namespace {

std::string user_text(const AuditRecord& record) {
  return record.peer.uid ? std::to_string(*record.peer.uid) : "?";
}

std::string kind_text(const AuditRecord& record) {
  std::string text = user_text(record);
  for (const std::string* part : {&record.what, &record.profile, &record.outcome, &record.fingerprint}) {
    text += '\0';
    text += *part;
  }
  for (const Fact* fact : {&record.peer.unit, &record.peer.exe, &record.peer.exe_sha256}) {
    text += '\0';
    text += fact->value().value_or("");
  }
  return text + (record.granted ? "+" : "-");
}

}  // namespace

bool AuditLog::add(AuditRecord record, BootTime now, Ticket* ticket) {
  std::string name = kind_of(record, now);
  const auto [kind, is_told] = kinds_.add(std::move(name), std::move(record), now);
  if (is_told) keep(kind->last);
  if (ticket != nullptr) {
    ticket->kind = kind;
    ticket->forgotten = forgotten_;
  }
  return is_told;
}

bool AuditLog::repeat(const Ticket& ticket, BootTime now) {
  if (ticket.kind == nullptr || ticket.forgotten != forgotten_) return false;
  if (now >= ticket.kind->until) return false;
  ++ticket.kind->count;
  return true;
}

// One of its own, while there is room; else that of all others of this user, and then of all others.
std::string AuditLog::kind_of(const AuditRecord& record, BootTime now) {
  std::string name = kind_text(record);
  if (kinds_.kinds().contains(name)) return name;
  forget_quiet(now);
  const auto& kinds = kinds_.kinds();
  const auto of_user = std::count_if(kinds.begin(), kinds.end(), [&](const auto& kind) {
    return kind.second.last.peer.uid == record.peer.uid;
  });
  const auto word = std::string(record.granted ? "granted" : "refused");
  if (kinds.size() >= k_most_kinds) return word;
  if (static_cast<std::size_t>(of_user) >= k_most_kinds_of_user) return user_text(record) + word;
  return name;
}

void AuditLog::forget_quiet(BootTime now) {
  if (kinds_.forget_quiet(now) > 0) ++forgotten_;
}

std::size_t AuditLog::fold(BootTime now, WallTime at) {
  std::size_t made = 0;
  kinds_.fold(now, [&](AuditRecord& record) {
    record.at = at;
    keep(record);
    ++made;
  });
  forget_quiet(now);
  return made;
}

void AuditLog::keep(AuditRecord record) {
  record.number = ++number_;
  kept_.push_back(std::move(record));
  if (kept_.size() > k_most_kept) kept_.pop_front();
}

}  // namespace fob::core
