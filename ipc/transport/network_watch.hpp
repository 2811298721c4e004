// Hears when the device's network comes up, from the kernel's rtnetlink groups: it needs no privilege and
// sends nothing anywhere. It listens only while someone wants to know, so that a device whose tokens are all
// in order is not woken by its neighbours' router advertisements.
#pragma once

#include "ipc/base/result.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <functional>
#include <memory>

namespace fob::transport {

class NetworkWatch {
 public:
  /// `came_up` is called on the executor; it may be called more often than the network comes up.
  NetworkWatch(boost::asio::any_io_executor executor, std::function<void()> came_up);
  ~NetworkWatch();
  NetworkWatch(const NetworkWatch&) = delete;
  NetworkWatch& operator=(const NetworkWatch&) = delete;

  /// Fails where the kernel or a sandbox refuses the socket; then nothing is heard.
  Result<void> listen();
  void rest();

 private:
  using Socket = boost::asio::posix::stream_descriptor;

  boost::asio::any_io_executor executor_;
  std::function<void()> came_up_;
  std::shared_ptr<Socket> socket_;
};

}  // namespace fob::transport
