// systemd as fobd's service manager: told when fobd is ready, alive and how it does, and keeper of what a
// successor goes on from (sd_notify(3), systemd.service(5) WatchdogSec= and FileDescriptorStoreMax=). The
// protocol is a line or two in a datagram and is documented for others to speak, so it is done by hand: the
// process that holds the tokens loads no compressors and no crypto that it never calls.
#pragma once

#include "daemon/config/locations.hpp"
#include "ipc/base/result.hpp"
#include "ipc/base/unique_fd.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace fob::broker {

/// One thread. Nothing here blocks: what the manager cannot take at once is lost, and said so.
class ServiceManager {
 public:
  /// Where NOTIFY_SOCKET is set, that manager; else none, and every call does nothing. Fails with
  /// ErrorCode::config where the variables make no sense.
  static Result<ServiceManager> of(const config::Environment& environment, pid_t self);
  ServiceManager() = default;

  bool present() const { return static_cast<bool>(socket_); }
  /// Within this time of each other alive() is to be called; nothing: no watchdog is set.
  std::optional<std::chrono::microseconds> watchdog() const { return watchdog_; }

  /// Requests are answered from now on; also the end of reloading().
  Result<void> ready() const { return tell("READY=1"); }
  /// `awake_time`: CLOCK_MONOTONIC, as the protocol wants it.
  Result<void> reloading(std::chrono::nanoseconds awake_time) const;
  Result<void> stopping() const { return tell("STOPPING=1"); }
  Result<void> alive() const { return tell("WATCHDOG=1"); }
  /// One line for `systemctl status`.
  Result<void> status(std::string_view line) const;

  /// Leaves a copy of the descriptor with the manager until this service is stopped, or forget(name). It
  /// comes back to a successor as a HandedDescriptor of that name.
  Result<void> keep(int fd, const std::string& name) const;
  /// Every descriptor that is kept under this name.
  Result<void> forget(const std::string& name) const;

 private:
  Result<void> tell(std::string_view text, std::optional<int> fd = std::nullopt) const;

  UniqueFd socket_;
  std::optional<std::chrono::microseconds> watchdog_;
};

}  // namespace fob::broker
