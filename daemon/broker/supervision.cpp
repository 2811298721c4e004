#include "daemon/broker/supervision.hpp"

#include "daemon/broker/status_line.hpp"

namespace fob::broker {
namespace {

// A burst of changes is one line.
constexpr std::chrono::milliseconds k_status_delay{50};

}  // namespace

Supervision::Supervision(boost::asio::io_context& io, const ServiceManager& manager, const Broker& broker,
                         Log& log)
    : manager_(manager), broker_(broker), log_(log), watchdog_(io), soon_(io) {}

void Supervision::begin() {
  if (!manager_.present()) return;
  begun_ = true;
  tell_status();
  if (const auto told = manager_.ready(); !told) log_.say(Event::unheard_by_systemd, told.error().detail);
  if (manager_.watchdog()) feed();
}

void Supervision::reloading(std::chrono::nanoseconds awake_time) { (void)manager_.reloading(awake_time); }

void Supervision::reloaded() { (void)manager_.ready(); }

void Supervision::end() {
  begun_ = false;
  watchdog_.cancel();
  soon_.cancel();
  (void)manager_.stopping();
}

// Half the interval: once may come late (sd_watchdog_enabled(3)).
void Supervision::feed() {
  if (const auto told = manager_.alive(); !told) log_.say(Event::unheard_by_systemd, told.error().detail);
  watchdog_.expires_after(*manager_.watchdog() / 2);
  watchdog_.async_wait([this](const boost::system::error_code& error) {
    if (!error) feed();
  });
}

void Supervision::stirred() {
  if (!begun_ || pending_) return;
  pending_ = true;
  soon_.expires_after(k_status_delay);
  soon_.async_wait([this](const boost::system::error_code& error) {
    pending_ = false;
    if (!error) tell_status();
  });
}

void Supervision::tell_status() {
  std::vector<ProfileSample> samples;
  for (const auto& keeper : broker_.keepers()) samples.push_back({keeper->profile(), keeper->status()});
  std::string line = status_line(samples);
  if (line == told_) return;
  if (manager_.status(line)) told_ = std::move(line);
}

}  // namespace fob::broker
