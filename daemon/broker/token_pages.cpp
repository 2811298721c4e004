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
    : broker_(broker), keeper_(std::move(keeper)), rule_(std::move(rule)), writer_(std::move(writer)) {}

bool SharedPage::is_over() const {
  return writer_->is_withdrawn() || !broker_.policy().is_in_force(rule_, keeper_->profile()) ||
         !broker_.keeper(keeper_->profile());
}

void SharedPage::begin() {
  following_ = std::make_shared<Following>(keeper_);
  write_present();
  asio::co_spawn(broker_.executor(), keep(shared_from_this()), asio::detached);
}

// What stands there is left: at the end of fobd its readers leave it, and go on with it.
void SharedPage::rest() {
  following_->wake();
  following_.reset();
}

// Keeps the page in step until nobody reads it any more, or it is over.
asio::awaitable<void> SharedPage::keep(std::shared_ptr<SharedPage> page) {
  bool goes_on = true;
  while (goes_on) {
    // Held here while it is waited on; the page may rest meanwhile, and begin anew with another.
    const auto following = page->following_;
    co_await following->change(k_look_anyway);
    goes_on = page->following_ == following && page->write_present();
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
  return !writer_->is_withdrawn();
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
  if (page_->readers_.size() == 1) page_->begin();
}

SharedPage::Reader::~Reader() {
  page_->readers_.erase(place_);
  if (page_->readers_.empty()) page_->rest();
}

TokenPages::TokenPages(Broker& broker, const Clock& clock) : broker_(broker), clock_(clock) {}

Result<std::shared_ptr<SharedPage>> TokenPages::page(std::shared_ptr<TokenKeeper> keeper,
                                                     std::optional<core::Rule> rule) {
  std::erase_if(pages_, [](const auto& page) { return page->is_over(); });
  for (const auto& page : pages_)
    if (page->is_of(keeper->profile(), rule)) return page;
  if (pages_.size() >= k_most_pages)
    return fail(ErrorCode::too_many_requests,
                "too many token pages are in use; ask for tokens by GET /v1/token");
  if (!mark_) mark_ = std::make_shared<WriterMark>();
  auto writer = PageWriter::make(mark_, clock_);
  if (!writer) return writer.error();
  auto page = std::make_shared<SharedPage>(broker_, std::move(keeper), std::move(rule), std::move(*writer));
  pages_.push_back(page);
  return page;
}

}  // namespace fob::broker
