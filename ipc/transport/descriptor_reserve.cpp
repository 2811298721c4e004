#include "ipc/transport/descriptor_reserve.hpp"

#include "ipc/base/unique_fd.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <algorithm>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <vector>

namespace fob::transport {
namespace {

// Few connections are not worth the trouble.
constexpr std::size_t k_first_batch = 64;

}  // namespace

void DescriptorReserve::prepare(std::size_t in_use) {
  if (in_use < std::max(made_, k_first_batch)) return;
  const std::size_t batch = std::max(made_, k_first_batch);
  const UniqueFd original(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  std::vector<boost::asio::posix::stream_descriptor> watched;
  watched.reserve(batch);
  for (std::size_t i = 0; i < batch; ++i) {
    const int copy = ::fcntl(original.get(), F_DUPFD_CLOEXEC, 0);
    // Out of descriptors: then no crowd can come either.
    if (copy < 0) break;
    watched.emplace_back(io_, copy);
  }
  made_ = in_use + watched.size();
}

}  // namespace fob::transport
