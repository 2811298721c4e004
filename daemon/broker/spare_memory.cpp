#include "daemon/broker/spare_memory.hpp"

#include "ipc/base/spare_memory.hpp"

#include <algorithm>
#include <chrono>

namespace fob::broker {
namespace {

constexpr std::chrono::seconds k_moment{1};

}  // namespace

void SpareMemory::give_back_soon() {
  const auto soon = std::chrono::steady_clock::now() + k_moment;
  timer_.expires_at(std::max(soon, given_ + apart_));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    first_();
    give_back_memory();
    given_ = std::chrono::steady_clock::now();
  });
}

}  // namespace fob::broker
