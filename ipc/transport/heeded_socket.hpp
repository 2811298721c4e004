// A socket that is listened to without an operation for each time that something comes.
//
// An asynchronous read of Asio's costs, each time, an attempt that finds nothing and a way through the
// scheduler, beside which an answer of some hundred bytes is cheap. Here one operation stays in the
// reactor's queue, as the one does by which Asio itself hears of signals, and reads for itself. That is made
// of Asio's inner parts (Boost 1.81), which nothing else in the house touches.
#pragma once

#include <boost/asio/detail/reactor.hpp>
#include <boost/asio/detail/reactor_op.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/query.hpp>
#include <boost/version.hpp>

#include <memory>
#include <utility>

namespace fob::transport {

static_assert(BOOST_VERSION / 100 == 1081,
              "read Asio's reactor anew: what is used here is no interface of its");

namespace inner {

template <class Heed, class Then>
class HeedOperation final : public boost::asio::detail::reactor_op {
 public:
  HeedOperation(Heed heed, Then then)
      : reactor_op(boost::system::error_code(), &HeedOperation::perform, &HeedOperation::complete),
        heed_(std::move(heed)),
        then_(std::move(then)) {}

 private:
  static status perform(reactor_op* self) {
    return static_cast<HeedOperation*>(self)->heed_() ? not_done : done;
  }
  // Without an owner the loop is being destroyed, and nothing is to be called.
  static void complete(void* owner, boost::asio::detail::operation* base, const boost::system::error_code&,
                       std::size_t) {
    const std::unique_ptr<HeedOperation> self(static_cast<HeedOperation*>(base));
    if (owner != nullptr) self->then_(self->ec_);
  }

  Heed heed_;
  Then then_;
};

}  // namespace inner

class HeededSocket : public boost::asio::local::stream_protocol::socket {
 public:
  explicit HeededSocket(boost::asio::local::stream_protocol::socket socket)
      : boost::asio::local::stream_protocol::socket(std::move(socket)) {}

  /// Calls `heed` now, and each time that something has come since or the peer has ended, until it returns
  /// false; then, or with an error once the socket is closed or cancelled, `then(error)` once from the loop.
  ///
  /// `heed` reads (recv(2), MSG_DONTWAIT) to EAGAIN, or what it leaves has to be looked for, and cancel()
  /// called where there is some: it is not told of it again. It is
  /// called with the socket's part of the reactor locked: it throws nothing, and neither closes, cancels nor
  /// starts anything on this socket. No other reading is started before `then` is called.
  template <class Heed, class Then>
  void async_heed(Heed heed, Then then) {
    namespace asio = boost::asio;
    using Reactor = asio::detail::reactor;
    auto& reactor = asio::use_service<Reactor>(asio::query(get_executor(), asio::execution::context));
    auto& socket = impl_.get_implementation();
    auto operation = std::make_unique<inner::HeedOperation<Heed, Then>>(std::move(heed), std::move(then));
    reactor.start_op(Reactor::read_op, socket.socket_, socket.reactor_data_, operation.release(), false,
                     true);
  }
};

}  // namespace fob::transport
