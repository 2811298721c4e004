#include "daemon/broker/following.hpp"

#include <utility>

namespace fob::broker {

Following::Following(std::shared_ptr<TokenKeeper> keeper)
    : keeper_(std::move(keeper)), wakeup_(keeper_->around_.executor) {
  place_ = keeper_->followers_.insert(keeper_->followers_.end(), this);
  if (keeper_->followers_.size() == 1)
    keeper_->apply(keeper_->machine_.on_followed(keeper_->around_.clock.boot_now(), true));
}

Following::~Following() {
  keeper_->followers_.erase(place_);
  if (keeper_->followers_.empty())
    keeper_->apply(keeper_->machine_.on_followed(keeper_->around_.clock.boot_now(), false));
}

}  // namespace fob::broker
