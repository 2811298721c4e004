#include "daemon/gateway/tokens.hpp"

#include "daemon/gateway/awaiting.hpp"
#include "daemon/gateway/wakeup.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace fob::gateway {
namespace asio = boost::asio;

namespace {

using std::chrono::milliseconds;

// As long as an app of fobd's waits unless it says (design.md §4).
constexpr milliseconds k_wait{5000};

Result<Token> get_from(client::TokenSource& source, milliseconds wait) {
  std::array<char, wire::k_max_token> text;  // NOLINT: left as it is, most of it is not used
  const auto held = source.get(std::nullopt, wait, text);
  if (!held) return held.error();
  return Token{std::string(text.data(), held->length), held->deadline};
}

// A question to libfob, and who waits for the answer.
struct Errand {
  explicit Errand(const asio::any_io_executor& executor, std::string token)
      : rejected(std::move(token)), done(executor) {}
  const std::string rejected;           ///< "" for: a token
  std::optional<Result<Token>> answer;  ///< the loop's alone
  Wakeup done;
};
using ErrandPtr = std::shared_ptr<Errand>;

// Runs errands one after the other. Its faces to the loop are two: what is to be done, under a lock, and a
// descriptor that says that something is done.
class Runner {
 public:
  Runner(client::TokenSource& source, int done) : source_(source), done_(done), thread_([this] { run(); }) {}
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  ~Runner() {
    {
      const std::lock_guard locked(lock_);
      over_ = true;
    }
    more_.notify_one();
    thread_.join();
  }

  void send(ErrandPtr errand) {
    {
      const std::lock_guard locked(lock_);
      waiting_.push_back(std::move(errand));
    }
    more_.notify_one();
  }
  struct Done {
    ErrandPtr errand;
    Result<Token> answer;
  };
  std::deque<Done> take_done() {
    const std::lock_guard locked(lock_);
    return std::exchange(finished_, {});
  }

 private:
  void run() {
    std::unique_lock locked(lock_);
    while (true) {
      more_.wait(locked, [this] { return over_ || !waiting_.empty(); });
      if (over_) return;
      const ErrandPtr errand = std::exchange(waiting_.front(), nullptr);
      waiting_.pop_front();
      locked.unlock();
      auto answer = answer_to(errand->rejected);
      locked.lock();
      finish(errand->rejected, answer);
      finished_.push_back({errand, std::move(answer)});
      const std::uint64_t one = 1;
      static_cast<void>(!::write(done_, &one, sizeof one));
    }
  }

  // Who asked the same meanwhile has waited for this answer, too.
  void finish(const std::string& rejected, const Result<Token>& answer) {
    std::erase_if(waiting_, [&](const ErrandPtr& waiting) {
      const bool same = waiting->rejected == rejected;
      if (same) finished_.push_back({waiting, answer});
      return same;
    });
  }

  Result<Token> answer_to(const std::string& rejected) {
    if (rejected.empty()) return get_from(source_, k_wait);
    // Many requests may have met the same refusal: the first of them brings the other token.
    if (auto now = get_from(source_, milliseconds(0)); now && now->text != rejected) return now;
    if (auto reported = source_.report_rejected(rejected); !reported) return reported.error();
    return get_from(source_, k_wait);
  }

  client::TokenSource& source_;
  const int done_;
  std::mutex lock_;
  std::condition_variable more_;
  bool over_ = false;
  std::deque<ErrandPtr> waiting_;
  std::deque<Done> finished_;
  std::thread thread_;
};

class LibfobTokens final : public Tokens, public std::enable_shared_from_this<LibfobTokens> {
 public:
  LibfobTokens(asio::io_context& io, std::unique_ptr<client::TokenSource> source, UniqueFd done)
      : executor_(io.get_executor()),
        source_(std::move(source)),
        done_(io, done.release()),
        gets_(*source_, done_.native_handle()),
        rejections_(*source_, done_.native_handle()) {}

  void start() { asio::co_spawn(executor_, hear(shared_from_this()), asio::detached); }

  asio::awaitable<Result<Token>> get() override {
    if (auto token = at_once()) co_return std::move(*token);
    co_return co_await run("");
  }
  asio::awaitable<Result<Token>> another_than(std::string rejected) override {
    co_return co_await run(std::move(rejected));
  }

 private:
  std::optional<Token> at_once() {
    std::array<char, wire::k_max_token> text;  // NOLINT: as above
    client::HeldToken held;
    if (!source_->get_at_once(std::nullopt, text, held)) return std::nullopt;
    return Token{std::string(text.data(), held.length), held.deadline};
  }

  asio::awaitable<Result<Token>> run(std::string rejected) {
    const auto self = shared_from_this();
    const auto errand = std::make_shared<Errand>(executor_, std::move(rejected));
    (errand->rejected.empty() ? gets_ : rejections_).send(errand);
    while (!errand->answer) co_await errand->done.sleep();
    co_return std::move(*errand->answer);
  }

  static asio::awaitable<void> hear(std::shared_ptr<LibfobTokens> self) {
    std::uint64_t count = 0;
    while (true) {
      const auto into = asio::buffer(&count, sizeof count);
      const auto [error, size] = co_await self->done_.async_read_some(into, k_tuple);
      if (error) co_return;
      for (auto* runner : {&self->gets_, &self->rejections_})
        for (auto& [errand, answer] : runner->take_done()) {
          errand->answer = std::move(answer);
          errand->done.wake();
        }
    }
  }

  asio::any_io_executor executor_;
  std::unique_ptr<client::TokenSource> source_;
  asio::posix::stream_descriptor done_;
  Runner gets_;
  Runner rejections_;  ///< these take as long as an exchange does
};

}  // namespace

Result<std::shared_ptr<Tokens>> Tokens::open(asio::io_context& io, const std::string& profile,
                                             const std::string& socket, const Clock& clock) {
  auto source = client::TokenSource::open(profile, socket, clock);
  if (!source) return source.error();
  UniqueFd done(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!done) return fail(ErrorCode::internal, with_errno("eventfd"));
  auto tokens = std::make_shared<LibfobTokens>(io, std::move(*source), std::move(done));
  tokens->start();
  return std::shared_ptr<Tokens>(std::move(tokens));
}

}  // namespace fob::gateway
