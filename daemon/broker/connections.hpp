// Who is connected, how long each may take, and whose connection gives way when the house is full. Knows
// sockets, users and deadlines, and nothing of what is said on them.
#pragma once

#include "daemon/broker/spare_memory.hpp"
#include "ipc/transport/heeded_socket.hpp"
#include "ipc/transport/peer.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <sys/types.h>

namespace fob::broker {

struct ServerLimits {
  std::size_t connections;          ///< in all
  std::size_t connections_per_uid;  ///< of one user
  /// Event streams of one user, and four times as many in all: nobody's connection is given up for them, so
  /// they must leave room for requests.
  std::size_t streams_per_uid = 256;
  std::chrono::seconds head_deadline{10};
  std::chrono::seconds body_deadline{10};
  std::chrono::seconds write_deadline{10};
  std::chrono::seconds idle_deadline{120};
};

struct Connection;
using ConnectionPtr = std::shared_ptr<Connection>;

struct Connection {
  using Socket = transport::HeededSocket;

  Connection(Socket s, transport::Peer p) : socket(std::move(s)), peer(std::move(p)) {}
  virtual ~Connection() = default;

  Socket socket;
  transport::Peer peer;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  bool answered = false;   ///< at least one request; before that there is no patience for an idle connection
  bool evictable = false;  ///< waiting for a request, or for the rest of one
  bool unlooked = false;   ///< answered in passing; the deadline is for the look after it
  std::optional<std::list<ConnectionPtr>::iterator> place;  ///< among all
};

/// One thread. Held by shared_ptr, since its timers outlive a stop for a moment.
class Connections : public std::enable_shared_from_this<Connections> {
 public:
  /// `at_rest` is called when there has been no connection for a moment; it must not stop this.
  Connections(
      boost::asio::io_context& io, const ServerLimits& limits, std::function<void()> at_rest = [] {});

  /// Takes the connection in, in the place of the one that has been silent the longest if the house is full
  /// (of the same user, or of the user with the most such). False where none is silent.
  bool admit(ConnectionPtr connection);
  /// Gives up the connection that has been silent the longest, whosever; false where none is.
  bool make_room();
  /// Closes it and takes it out.
  void leave(ConnectionPtr connection);
  /// From now on whoever writes to such a connection is told that it is closed; what was written before is
  /// still read (shutdown(2)). Those that have not made a request yet only if `new_too`.
  void hear_no_more(bool new_too);
  /// Closes all. Nothing is armed after it.
  void stop();
  std::size_t size() const { return all_.size(); }

  /// Closes it so much later, unless that is changed.
  void set_deadline(Connection& connection, std::chrono::milliseconds from_now);
  static void clear_deadline(Connection& connection);
  /// It is idle, or in the midst of a request: from now on it is the last to be given up, but it may be.
  void await_request(const ConnectionPtr& connection);
  /// It was answered and goes on listening, and all that follows from it (its deadline, its place, whether
  /// the peer has said more, or its last word, meanwhile) has time for a moment. Costs next to nothing; may
  /// be called while the socket is heeded.
  void answered_in_passing(Connection& connection);
  /// Its request is there: it is not given up until it is answered.
  static void request_came(Connection& connection);
  static void close(Connection& connection);
  /// An answer is gone that took much memory, which will not be needed again soon.
  void was_large() {
    if (!stopped_) spare_.give_back_soon();
  }

  /// One more event stream of a user, while it lives.
  class Stream {
   public:
    Stream(std::shared_ptr<Connections> connections, uid_t uid);
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    ~Stream();

   private:
    std::shared_ptr<Connections> connections_;
    uid_t uid_;
  };
  /// Whether this user may have one more event stream.
  bool may_stream(uid_t uid) const;

 private:
  void sweep();
  void look(const ConnectionPtr& connection);
  void arm_sweep(std::chrono::steady_clock::time_point when);
  bool evict(std::optional<uid_t> uid);
  std::optional<uid_t> quietest_crowd() const;
  void forget(ConnectionPtr connection);
  void rest_soon();

  boost::asio::io_context& io_;
  ServerLimits limits_;
  // One timer for all, armed for the earliest deadline; none once none has been open for a moment.
  boost::asio::steady_timer sweep_;
  std::chrono::steady_clock::time_point armed_ = std::chrono::steady_clock::time_point::max();
  boost::asio::steady_timer rest_;
  std::function<void()> at_rest_;
  bool resting_ = false;
  SpareMemory spare_;
  bool stopped_ = false;
  std::list<ConnectionPtr> all_;  ///< in the order of last activity: the longest silent stands first
  std::map<uid_t, std::size_t> per_uid_;
  std::map<uid_t, std::size_t> streams_;
  std::size_t most_ = 0;
};

}  // namespace fob::broker
