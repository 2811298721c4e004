// Who follows the events of a profile: kept fresh for them, and told of each change.
#pragma once

#include "daemon/broker/token_keeper.hpp"
#include "daemon/broker/wakeup.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <list>
#include <memory>

namespace fob::broker {

/// Someone's interest in what a profile has to give, for as long as it lives. One thread, the keeper's.
class Following {
 public:
  explicit Following(std::shared_ptr<TokenKeeper> keeper);
  ~Following();
  Following(const Following&) = delete;
  Following& operator=(const Following&) = delete;

  /// Returns true once available() has, or may have, changed since the last call, and false after `at_most`
  /// in which it did not. The first call returns at once. One caller at a time.
  boost::asio::awaitable<bool> change(std::chrono::seconds at_most) { return wakeup_.sleep(at_most); }
  /// Lets change() return.
  void wake() { wakeup_.wake(); }

 private:
  std::shared_ptr<TokenKeeper> keeper_;
  std::list<Following*>::iterator place_;
  Wakeup wakeup_;
};

}  // namespace fob::broker
