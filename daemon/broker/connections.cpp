#include "daemon/broker/connections.hpp"

#include "ipc/transport/timers.hpp"

#include <algorithm>
#include <cerrno>
#include <numeric>
#include <sys/socket.h>
#include <utility>

namespace fob::broker {
namespace {

using Steady = std::chrono::steady_clock;

// From so many connections on, their memory is given back to the kernel once they are gone.
constexpr std::size_t k_crowd = 64;
// How long after the last connection the daemon comes to rest.
constexpr std::chrono::milliseconds k_rest_delay{500};
// How long after an answer in passing its connection is looked at.
constexpr std::chrono::milliseconds k_look_delay{250};

// Something was not heard when it came: more of a request, or the end.
bool has_more(Connection& connection) {
  char first = 0;
  return ::recv(connection.socket.native_handle(), &first, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
         errno != EAGAIN;
}

bool has_fewer(const std::pair<const uid_t, std::size_t>& a, const std::pair<const uid_t, std::size_t>& b) {
  return a.second < b.second;
}

}  // namespace

Connections::Connections(boost::asio::io_context& io, const ServerLimits& limits,
                         std::function<void()> at_rest)
    : io_(io),
      limits_(limits),
      sweep_(io),
      rest_(io),
      at_rest_(std::move(at_rest)),
      spare_(io, std::chrono::seconds(0)) {}

bool Connections::admit(ConnectionPtr connection) {
  const uid_t uid = connection->peer.uid;
  const auto own = [&] {
    const auto count = per_uid_.find(uid);
    return count == per_uid_.end() ? 0 : count->second;
  };
  if (own() >= limits_.connections_per_uid) evict(uid);
  if (all_.size() >= limits_.connections) evict(std::nullopt);
  if (all_.size() >= limits_.connections || own() >= limits_.connections_per_uid) return false;
  connection->place = all_.insert(all_.end(), connection);
  ++per_uid_[uid];
  most_ = std::max(most_, all_.size());
  return true;
}

bool Connections::make_room() { return evict(std::nullopt); }

void Connections::leave(ConnectionPtr connection) {
  close(*connection);
  forget(std::move(connection));
}

void Connections::hear_no_more(bool new_too) {
  boost::system::error_code ignored;
  for (const auto& connection : all_)
    if (new_too || connection->answered)
      connection->socket.shutdown(Connection::Socket::shutdown_receive, ignored);
}

void Connections::stop() {
  stopped_ = true;
  sweep_.cancel();
  rest_.cancel();
  spare_.cancel();
  for (const auto& connection : all_) close(*connection);
}

void Connections::set_deadline(Connection& connection, std::chrono::milliseconds from_now) {
  connection.unlooked = false;
  connection.deadline = Steady::now() + from_now;
  if (connection.deadline < armed_) arm_sweep(connection.deadline);
}

void Connections::clear_deadline(Connection& connection) {
  connection.unlooked = false;
  connection.deadline = Steady::time_point::max();
}

void Connections::answered_in_passing(Connection& connection) {
  connection.answered = true;
  if (connection.unlooked) return;
  set_deadline(connection, k_look_delay);
  connection.unlooked = true;
}

void Connections::await_request(const ConnectionPtr& connection) {
  connection->evictable = true;
  if (connection->place) all_.splice(all_.end(), all_, *connection->place);
}

void Connections::request_came(Connection& connection) {
  connection.evictable = false;
  clear_deadline(connection);
}

void Connections::close(Connection& connection) {
  boost::system::error_code ignored;
  connection.socket.close(ignored);
  request_came(connection);
}

void Connections::sweep() {
  const auto now = Steady::now();
  auto next = Steady::time_point::max();
  // Whom it is looked at goes to the end, where it is met again with a deadline to come.
  for (auto place = all_.begin(); place != all_.end();) {
    const ConnectionPtr connection = *place++;
    // Looks that are due soon are taken together: a crowd has one sweep for them, not one each.
    if (connection->unlooked && connection->deadline <= now + k_look_delay / 2) look(connection);
    if (connection->deadline > now) {
      next = std::min(next, connection->deadline);
    } else {
      close(*connection);
    }
  }
  arm_sweep(next);
}

void Connections::look(const ConnectionPtr& connection) {
  await_request(connection);
  connection->unlooked = false;
  connection->deadline = Steady::now() + limits_.idle_deadline;
  boost::system::error_code ignored;
  if (has_more(*connection)) connection->socket.cancel(ignored);
}

void Connections::arm_sweep(Steady::time_point when) {
  armed_ = when;
  sweep_.cancel();
  if (when == Steady::time_point::max()) return;
  sweep_.expires_at(when);
  sweep_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error && !self->stopped_) self->sweep();
  });
}

bool Connections::evict(std::optional<uid_t> uid) {
  if (!uid) uid = quietest_crowd();
  const auto silent = [&](const ConnectionPtr& connection) {
    return connection->evictable && uid && connection->peer.uid == *uid;
  };
  // Who was answered in passing has not been moved to the end yet.
  auto victim = std::find_if(all_.begin(), all_.end(), [&](const ConnectionPtr& connection) {
    return silent(connection) && !connection->unlooked;
  });
  if (victim == all_.end()) victim = std::find_if(all_.begin(), all_.end(), silent);
  if (victim == all_.end()) return false;
  leave(*victim);
  return true;
}

std::optional<uid_t> Connections::quietest_crowd() const {
  std::map<uid_t, std::size_t> silent;
  for (const auto& connection : all_)
    if (connection->evictable) ++silent[connection->peer.uid];
  const auto most = std::max_element(silent.begin(), silent.end(), has_fewer);
  if (most == silent.end()) return std::nullopt;
  return most->first;
}

// By value: the list's own is gone in the midst of it.
void Connections::forget(ConnectionPtr connection) {
  if (!connection->place) return;
  all_.erase(*connection->place);
  connection->place.reset();
  const auto count = per_uid_.find(connection->peer.uid);
  if (count != per_uid_.end() && --count->second == 0) per_uid_.erase(count);
  if (all_.empty()) rest_soon();
  if (most_ >= k_crowd && all_.size() < k_crowd / 8) {
    most_ = all_.size();
    spare_.give_back_soon();  // glibc keeps what a crowd has freed
  }
}

// Where connections come and go, the timer is left as it is; only once that is over nothing may wake us up
// any more.
void Connections::rest_soon() {
  if (std::exchange(resting_, true)) return;
  rest_.expires_after(k_rest_delay);
  rest_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    self->resting_ = false;
    if (error || self->stopped_ || !self->all_.empty()) return;
    self->arm_sweep(Steady::time_point::max());
    self->at_rest_();
    transport::forget_met_deadlines(self->io_.get_executor());
  });
}

Connections::Stream::Stream(std::shared_ptr<Connections> connections, uid_t uid)
    : connections_(std::move(connections)), uid_(uid) {
  ++connections_->streams_[uid_];
}

Connections::Stream::~Stream() {
  if (--connections_->streams_[uid_] == 0) connections_->streams_.erase(uid_);
}

bool Connections::may_stream(uid_t uid) const {
  const std::size_t all =
      std::accumulate(streams_.begin(), streams_.end(), std::size_t{0},
                      [](std::size_t sum, const auto& of_user) { return sum + of_user.second; });
  const auto own = streams_.find(uid);
  return (own == streams_.end() || own->second < limits_.streams_per_uid) &&
         all < 4 * limits_.streams_per_uid;
}

}  // namespace fob::broker
