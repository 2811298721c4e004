// The token pages that apps have mapped (design.md §9). One for each profile and the grant it is had by,
// however many apps read it; it is kept in step with the profile's tokens, and wiped when its grant or its
// profile is gone. Each reader keeps the connection open that the page was passed on, and hears of each
// change there by a byte.
#pragma once

#include "daemon/broker/broker.hpp"
#include "daemon/broker/following.hpp"
#include "daemon/broker/page_writer.hpp"
#include "daemon/broker/wakeup.hpp"
#include "daemon/broker/writer_mark.hpp"

#include <boost/asio/awaitable.hpp>

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fob::broker {

/// One page. While nobody reads it, it is not kept in step, and stands ready for who comes next: if each new
/// reader were given another, whoever holds on to what he was given could pile them up.
class SharedPage : public std::enable_shared_from_this<SharedPage> {
 public:
  /// `rule`: see core::Policy::granted_by().
  SharedPage(Broker& broker, std::shared_ptr<TokenKeeper> keeper, std::optional<core::Rule> rule,
             std::unique_ptr<PageWriter> writer);
  SharedPage(const SharedPage&) = delete;
  SharedPage& operator=(const SharedPage&) = delete;

  int descriptor() const { return writer_->descriptor(); }
  /// It was wiped, or would be now: nothing more will be written to it.
  bool is_over() const;
  bool is_of(const std::string& profile, const std::optional<core::Rule>& rule) const {
    return keeper_->profile() == profile && rule_ == rule;
  }

  /// Someone who reads it, for as long as it lives.
  class Reader {
   public:
    Reader(std::shared_ptr<SharedPage> page, const boost::asio::any_io_executor& executor);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    /// Returns after each change of the page, and after `at_most`. The first call returns at once.
    boost::asio::awaitable<bool> change(std::chrono::seconds at_most) { return wakeup_.sleep(at_most); }
    /// Lets change() return.
    void wake() { wakeup_.wake(); }

   private:
    std::shared_ptr<SharedPage> page_;
    Wakeup wakeup_;
    std::list<Reader*>::iterator place_;
  };

 private:
  void begin();
  void rest();
  static boost::asio::awaitable<void> keep(std::shared_ptr<SharedPage> page);
  bool write_present();
  bool follow_present_keeper();

  Broker& broker_;
  std::shared_ptr<TokenKeeper> keeper_;
  std::optional<core::Rule> rule_;
  std::unique_ptr<PageWriter> writer_;
  std::shared_ptr<Following> following_;  ///< while somebody reads
  core::TokenPtr shown_;
  std::list<Reader*> readers_;
};

class TokenPages {
 public:
  /// `broker` and `clock` outlive it.
  TokenPages(Broker& broker, const Clock& clock);

  /// The page of this keeper's tokens for those who have them by this rule, showing what there is now. Fails
  /// with too_many_requests or internal.
  Result<std::shared_ptr<SharedPage>> page(std::shared_ptr<TokenKeeper> keeper,
                                           std::optional<core::Rule> rule);

 private:
  Broker& broker_;
  const Clock& clock_;
  std::shared_ptr<WriterMark> mark_;  ///< made with the first page
  std::vector<std::shared_ptr<SharedPage>> pages_;
};

}  // namespace fob::broker
