// Who asked what and what was decided, told as it happens: to the log or the journal, and to operators who
// follow (GET /v1/audit). Holds no token; which one was handed out is said by its fingerprint.
#pragma once

#include "daemon/broker/wakeup.hpp"
#include "daemon/core/audit_log.hpp"
#include "ipc/base/clock.hpp"
#include "ipc/transport/boot_timer.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <functional>
#include <list>
#include <memory>

namespace fob::broker {

/// Takes each record once.
using AuditSink = std::function<void(const core::AuditRecord&)>;

/// One thread, the executor's.
class Audit : public std::enable_shared_from_this<Audit> {
 public:
  Audit(boost::asio::any_io_executor executor, const Clock& clock, AuditSink sink);

  /// `record.at` is set here.
  void note(core::AuditRecord record, core::AuditLog::Ticket* ticket = nullptr);
  /// See core::AuditLog::repeat().
  bool repeat(const core::AuditLog::Ticket& ticket, BootTime now);
  /// The last records, oldest first.
  const std::deque<core::AuditRecord>& kept() const { return log_.kept(); }
  /// No more records; who follows is let go.
  void end();

  /// Someone who follows, for as long as it lives.
  class Follower {
   public:
    explicit Follower(std::shared_ptr<Audit> audit);
    ~Follower();
    Follower(const Follower&) = delete;
    Follower& operator=(const Follower&) = delete;

    /// Returns once there are records since the last call, or after `at_most`. One caller at a time.
    boost::asio::awaitable<bool> change(std::chrono::seconds at_most) { return wakeup_.sleep(at_most); }
    /// Lets change() return.
    void wake() { wakeup_.wake(); }

   private:
    std::shared_ptr<Audit> audit_;
    std::list<Follower*>::iterator place_;
    Wakeup wakeup_;
  };

 private:
  static boost::asio::awaitable<void> keep_time(std::shared_ptr<Audit> self);
  void fold();
  void arm();
  void tell(std::size_t latest);

  boost::asio::any_io_executor executor_;
  const Clock& clock_;
  AuditSink sink_;
  core::AuditLog log_;
  transport::BootTimer timer_;
  bool keeps_time_ = false;
  bool armed_ = false;
  std::list<Follower*> followers_;
};

}  // namespace fob::broker
