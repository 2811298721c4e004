#include "daemon/broker/token_pages.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>
#include <utility>

namespace fob::broker {
namespace asio = boost::asio;

namespace {

// There are as many as profiles times grants that are in use; this is for a configuration nobody has thought
// of.
constexpr std::size_t k_most_pages = 64;
// A page changes when its profile does; nothing else needs a look.
constexpr std::chrono::hours k_look_anyway{24};

}  // namespace

SharedPage::SharedPage(Broker& broker, std::shared_ptr<TokenKeeper> keeper, std::optional<core::Rule> rule,
                       std::unique_ptr<PageWriter> writer)
    : broker_(broker),
      keeper_(std::move(keeper)),
      rule_(std::move(rule)),
      writer_(std::move(writer)),
      following_(std::make_shared<Following>(keeper_)) {
  write_present();
}

// Lets keep() see that it is gone.
SharedPage::~SharedPage() { following_->wake(); }

asio::awaitable<void> SharedPage::keep(std::weak_ptr<SharedPage> page) {
  bool goes_on = true;
  while (goes_on) {
    auto living = page.lock();
    if (!living) co_return;
    // Held here while it is waited on; the page may end meanwhile.
    const auto following = living->following_;
    living.reset();
    co_await following->change(k_look_anyway);
    living = page.lock();
    goes_on = living && living->write_present();
  }
}

// Whether there is more to come.
bool SharedPage::write_present() {
  const bool granted = broker_.policy().is_in_force(rule_, keeper_->profile());
  if (!granted || !follow_present_keeper()) {
    writer_->withdraw();
  } else if (keeper_->retired()) {
    return false;  // fobd ends; what stands there is good for as long as the token lives
  } else {
    const TokenOutcome available = keeper_->available();
    if (available && *available == shown_) return true;
    if (!available && !shown_) return true;
    shown_ = available ? *available : nullptr;
    if (shown_) {
      writer_->show(*shown_);
    } else {
      writer_->show_none();
    }
  }
  for (auto* reader : readers_) reader->wake();
  return !is_over();
}

// A profile that was configured anew has another keeper. False where it was taken out.
bool SharedPage::follow_present_keeper() {
  auto present = broker_.keeper(keeper_->profile());
  if (!present) return false;
  if (*present == keeper_) return true;
  keeper_ = std::move(*present);
  following_ = std::make_shared<Following>(keeper_);
  return true;
}

SharedPage::Reader::Reader(std::shared_ptr<SharedPage> page, const asio::any_io_executor& executor)
    : page_(std::move(page)), wakeup_(executor) {
  place_ = page_->readers_.insert(page_->readers_.end(), this);
}

SharedPage::Reader::~Reader() { page_->readers_.erase(place_); }

TokenPages::TokenPages(Broker& broker, const Clock& clock) : broker_(broker), clock_(clock) {}

Result<std::shared_ptr<SharedPage>> TokenPages::page(std::shared_ptr<TokenKeeper> keeper,
                                                     std::optional<core::Rule> rule) {
  std::erase_if(pages_, [](const auto& page) { return page.expired() || page.lock()->is_over(); });
  for (const auto& page : pages_)
    if (auto living = page.lock(); living && living->is_of(keeper->profile(), rule)) return living;
  if (pages_.size() >= k_most_pages)
    return fail(ErrorCode::too_many_requests,
                "too many token pages are in use; ask for tokens by GET /v1/token");
  if (!mark_) mark_ = std::make_shared<WriterMark>();
  auto writer = PageWriter::make(mark_, clock_);
  if (!writer) return writer.error();
  auto page = std::make_shared<SharedPage>(broker_, std::move(keeper), std::move(rule), std::move(*writer));
  pages_.push_back(page);
  asio::co_spawn(broker_.executor(), SharedPage::keep(page), asio::detached);
  return page;
}

}  // namespace fob::broker
