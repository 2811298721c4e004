#include "daemon/broker/following.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace fob::broker {
namespace asio = boost::asio;

Following::Following(std::shared_ptr<TokenKeeper> keeper)
    : keeper_(std::move(keeper)), timer_(keeper_->around_.executor) {
  place_ = keeper_->followers_.insert(keeper_->followers_.end(), this);
  if (keeper_->followers_.size() == 1)
    keeper_->apply(keeper_->machine_.on_followed(keeper_->around_.clock.boot_now(), true));
}

Following::~Following() {
  keeper_->followers_.erase(place_);
  if (keeper_->followers_.empty())
    keeper_->apply(keeper_->machine_.on_followed(keeper_->around_.clock.boot_now(), false));
}

asio::awaitable<bool> Following::change(std::chrono::seconds at_most) {
  if (!changed_) {
    timer_.expires_after(at_most);
    co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  co_return std::exchange(changed_, false);
}

void Following::wake() {
  changed_ = true;
  timer_.cancel();
}

}  // namespace fob::broker
