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
  auto known = kinds_.find(name);
  const bool repeated = known != kinds_.end() && now < known->second.until;
  if (repeated) {
    ++known->second.repeats;
  } else {
    if (known != kinds_.end()) record.repeats = known->second.repeats;
    known = kinds_.insert_or_assign(std::move(name), Kind{record, now + k_pause}).first;
    keep(std::move(record));
  }
  if (ticket != nullptr) {
    ticket->kind = &known->second;
    ticket->forgotten = forgotten_;
  }
  return !repeated;
}

bool AuditLog::repeat(const Ticket& ticket, BootTime now) {
  if (ticket.kind == nullptr || ticket.forgotten != forgotten_) return false;
  auto& kind = *static_cast<Kind*>(ticket.kind);
  if (now >= kind.until) return false;
  ++kind.repeats;
  return true;
}

// One of its own, while there is room; else that of all others of this user, and then of all others.
std::string AuditLog::kind_of(const AuditRecord& record, BootTime now) {
  std::string name = kind_text(record);
  if (kinds_.contains(name)) return name;
  forget_quiet(now);
  const auto of_user = std::count_if(kinds_.begin(), kinds_.end(), [&](const auto& kind) {
    return kind.second.last.peer.uid == record.peer.uid;
  });
  const auto word = std::string(record.granted ? "granted" : "refused");
  if (kinds_.size() >= k_most_kinds) return word;
  if (static_cast<std::size_t>(of_user) >= k_most_kinds_of_user) return user_text(record) + word;
  return name;
}

void AuditLog::forget_quiet(BootTime now) {
  const auto quiet = [&](const auto& kind) { return kind.second.until <= now && kind.second.repeats == 0; };
  if (std::erase_if(kinds_, quiet) > 0) ++forgotten_;
}

std::optional<BootTime> AuditLog::due() const {
  std::optional<BootTime> first;
  for (const auto& [name, kind] : kinds_)
    if (kind.repeats > 0 && (!first || kind.until < *first)) first = kind.until;
  return first;
}

std::size_t AuditLog::fold(BootTime now, WallTime at) {
  std::size_t made = 0;
  for (auto& [name, kind] : kinds_) {
    if (kind.repeats == 0 || now < kind.until) continue;
    kind.last.at = at;
    kind.last.repeats = std::exchange(kind.repeats, 0);
    kind.until = now + k_pause;
    keep(kind.last);
    ++made;
  }
  forget_quiet(now);
  return made;
}

void AuditLog::keep(AuditRecord record) {
  record.number = ++number_;
  kept_.push_back(std::move(record));
  if (kept_.size() > k_most_kept) kept_.pop_front();
}

}  // namespace fob::core
