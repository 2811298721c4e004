// Keeps a crowd of connections from pinning memory after it has gone. Asio keeps the state of every
// descriptor that it ever watched, in a pool that never shrinks (detail/object_pool.hpp). Made one at a time
// between a connection's other allocations, each such state would hold a page that nothing else uses; made in
// one go, they lie side by side.
#pragma once

#include <boost/asio/io_context.hpp>

#include <cstddef>

namespace fob::transport {

class DescriptorReserve {
 public:
  explicit DescriptorReserve(boost::asio::io_context& io) : io_(io) {}

  /// To be called before the descriptor that makes `in_use` one more; makes more states where all are taken.
  void prepare(std::size_t in_use);

 private:
  boost::asio::io_context& io_;
  std::size_t made_ = 0;
};

}  // namespace fob::transport
