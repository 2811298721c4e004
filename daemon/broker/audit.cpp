#include "daemon/broker/audit.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <utility>

namespace fob::broker {
namespace asio = boost::asio;

Audit::Audit(asio::any_io_executor executor, const Clock& clock, AuditSink sink)
    : executor_(std::move(executor)), clock_(clock), sink_(std::move(sink)), timer_(executor_) {}

void Audit::note(core::AuditRecord record, core::AuditLog::Ticket* ticket) {
  const BootTime now = clock_.boot_now();
  record.at = clock_.wall_now();
  if (log_.add(std::move(record), now, ticket)) return tell(1);
  arm();
}

bool Audit::repeat(const core::AuditLog::Ticket& ticket, BootTime now) {
  if (!log_.repeat(ticket, now)) return false;
  arm();
  return true;
}

// Repeats are told of even if nothing follows them; without any, nothing wakes up for this.
void Audit::arm() {
  if (armed_) return;
  armed_ = true;
  timer_.arm(log_.due().value_or(clock_.boot_now()));
  if (!std::exchange(keeps_time_, true))
    asio::co_spawn(executor_, keep_time(shared_from_this()), asio::detached);
}

asio::awaitable<void> Audit::keep_time(std::shared_ptr<Audit> self) {
  while (true) {
    const bool due = co_await self->timer_.wait();
    if (!due) co_return;
    self->fold();
  }
}

void Audit::fold() {
  tell(log_.fold(clock_.boot_now(), clock_.wall_now()));
  const auto due = log_.due();
  armed_ = due.has_value();
  if (due) timer_.arm(*due);
}

void Audit::tell(std::size_t latest) {
  const auto& records = log_.kept();
  for (std::size_t i = records.size() - std::min(latest, records.size()); i < records.size(); ++i)
    sink_(records[i]);
  if (latest == 0) return;
  for (auto* follower : followers_) follower->wake();
}

void Audit::end() {
  timer_.close();
  for (auto* follower : followers_) follower->wake();
}

Audit::Follower::Follower(std::shared_ptr<Audit> audit)
    : audit_(std::move(audit)), wakeup_(audit_->executor_) {
  place_ = audit_->followers_.insert(audit_->followers_.end(), this);
}

Audit::Follower::~Follower() { audit_->followers_.erase(place_); }

}  // namespace fob::broker
