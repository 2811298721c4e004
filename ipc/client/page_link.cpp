#include "ipc/client/page_link.hpp"

#include "ipc/base/passed_descriptors.hpp"
#include "ipc/base/unix_address.hpp"
#include "ipc/client/http_answer.hpp"

#include <climits>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/futex.h>
#include <new>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <utility>

namespace fob::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// fobd answers at once, or not at all.
constexpr seconds k_answer_deadline{10};
// After one that failed: first this, then ever longer, as long as nobody is there.
constexpr milliseconds k_first_pause{50};
constexpr seconds k_longest_pause{2};
// What was refused is refused until somebody changes the configuration.
constexpr seconds k_pause_after_refusal{1};
// Where the kernel cannot wait for two things at once (before 5.16), or may not be asked to, a writer that
// died is noticed this late.
constexpr seconds k_look_for_death{1};
constexpr seconds k_look_again{1};
constexpr seconds k_look_for_page{5};
constexpr int k_linked = -2;

constexpr std::size_t k_block = 64 * 1024;  // no machine's page is larger
constexpr std::size_t k_page_bytes = (sizeof(wire::TokenPage) + k_block - 1) / k_block * k_block;

long futex_wait(const std::uint32_t* word, std::uint32_t value, nanoseconds at_most) {
  const auto whole = std::chrono::floor<seconds>(at_most);
  const timespec bound{whole.count(), (at_most - whole).count()};
  return ::syscall(SYS_futex, word, FUTEX_WAIT, value, &bound, nullptr, 0);
}

// Until either is not its value any more. futex_waitv(2) takes the instant, not the duration.
long futex_wait_either(const std::uint32_t* a, std::uint32_t a_value, const std::uint32_t* b,
                       std::uint32_t b_value, nanoseconds at_most) {
#ifdef SYS_futex_waitv
  std::array<futex_waitv, 2> words{};
  const auto fill = [](futex_waitv& into, const std::uint32_t* word, std::uint32_t value) {
    into.val = value;
    into.uaddr = reinterpret_cast<std::uintptr_t>(word);
    into.flags = FUTEX_32;
  };
  fill(words[0], a, a_value);
  fill(words[1], b, b_value);
  timespec end{};
  ::clock_gettime(CLOCK_MONOTONIC, &end);
  const auto until = seconds(end.tv_sec) + nanoseconds(end.tv_nsec) + at_most;
  end = {std::chrono::floor<seconds>(until).count(), (until % seconds(1)).count()};
  const long woken = ::syscall(SYS_futex_waitv, words.data(), words.size(), 0, &end, CLOCK_MONOTONIC);
  if (woken >= 0 || errno == EAGAIN || errno == EINTR || errno == ETIMEDOUT) return 0;
#endif
  return futex_wait(a, a_value, std::min<nanoseconds>(at_most, k_look_for_death));
}

std::string page_request(const std::optional<std::string>& profile) {
  return "GET /v1/token/page" + (profile ? "?profile=" + *profile : "") +
         " HTTP/1.1\r\nHost: fob\r\nConnection: Upgrade\r\nUpgrade: " + std::string(wire::k_page_protocol) +
         "\r\n\r\n";
}

void* reserve(std::size_t bytes, int protection) {
  void* memory = ::mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

// A descriptor in memory that begins as zeroes, and may become that again: one more than its number.
class ZeroFd {
 public:
  explicit operator bool() const { return one_more_ != 0; }
  int get() const { return one_more_ - 1; }
  void take(int fd) { one_more_ = fd + 1; }
  void close() {
    if (one_more_ != 0) ::close(get());
    one_more_ = 0;
  }

 private:
  int one_more_ = 0;
};

}  // namespace

// All zeroes is a state like any other: no link, no error, and an open lock (which a std::mutex of zeroes
// is).
struct PageLink::State {
  mutable std::mutex lock;
  // These three are read without the lock.
  std::atomic<bool> mapped;          ///< there is a page
  std::atomic<bool> trusted;         ///< and its deadlines count in our time
  std::atomic<std::uint32_t> links;  ///< how often a link came or went
  bool asking;                       ///< the answer has not come yet
  bool unheard;                      ///< who waits at the descriptor has to hear of a change
  ZeroFd connection, passed, set, timer;
  std::uint32_t failures;  ///< in a row
  nanoseconds asked_at, retry_at;
  std::uint32_t answered;  ///< bytes
  std::array<char, 1024> answer;
  std::uint32_t error_length;
  std::array<char, 1024> error;
};

Result<std::unique_ptr<PageLink>> PageLink::make(std::string socket, std::optional<std::string> profile,
                                                 const Clock& clock) {
  static_assert(sizeof(State) <= 4096);
  void* state = reserve(sizeof(State), PROT_READ | PROT_WRITE);
  void* page = reserve(k_page_bytes, PROT_READ);
  if (!state || !page || ::madvise(state, sizeof(State), MADV_WIPEONFORK) != 0) {
    const Error error = fail(ErrorCode::internal, with_errno("no memory for a token source"));
    if (state) ::munmap(state, sizeof(State));
    if (page) ::munmap(page, k_page_bytes);
    return error;
  }
  return std::unique_ptr<PageLink>(new PageLink(std::move(socket), std::move(profile), clock,
                                                new (state) State{}, static_cast<wire::TokenPage*>(page)));
}

PageLink::PageLink(std::string socket, std::optional<std::string> profile, const Clock& clock, State* state,
                   wire::TokenPage* page)
    : socket_(std::move(socket)),
      request_(page_request(profile)),
      clock_(clock),
      state_(state),
      page_(page) {}

PageLink::~PageLink() {
  hang_up(nanoseconds(0));
  for (ZeroFd* fd : {&state_->connection, &state_->passed, &state_->set, &state_->timer}) fd->close();
  ::munmap(page_, k_page_bytes);
  ::munmap(state_, sizeof(State));
}

bool PageLink::read(wire::PageEntry& entry) const {
  return state_->trusted.load(std::memory_order_acquire) && wire::read_entry(*page_, entry) &&
         entry.state != wire::PageState::withdrawn;
}

bool PageLink::is_orphaned() const { return wire::is_orphaned(*page_); }

// There will be no more changes in this page.
bool PageLink::is_over() const {
  return !state_->mapped.load(std::memory_order_acquire) || wire::is_orphaned(*page_) || is_withdrawn();
}

bool PageLink::is_withdrawn() const {
  wire::PageEntry entry;
  return !wire::read_entry(*page_, entry) || entry.state == wire::PageState::withdrawn;
}

void PageLink::tend() {
  const std::lock_guard locked(state_->lock);
  tend_locked();
}

void PageLink::tend_locked() {
  State& state = *state_;
  if (state.connection && !state.asking) {
    if (!is_over()) return;
    // Of one who has died, the token is as good as it was; of one who withdrew the page, there is none.
    if (is_withdrawn()) forget_page();
    hang_up(nanoseconds(0));
    tell();
  }
  if (!state.connection && now() >= state.retry_at) begin();
  if (state.asking) take_answer();
  arm_timer();
}

void PageLink::begin() {
  State& state = *state_;
  const auto address = unix_address(socket_);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // Before it is asked: fobd may be quicker than the next line here.
  state.asked_at = now();
  const bool asked = address && fd && connect_unix(fd.get(), *address) == 0 &&
                     ::send(fd.get(), request_.data(), request_.size(), MSG_NOSIGNAL) ==
                         static_cast<ssize_t>(request_.size());
  const auto longer = k_first_pause * (1U << std::min(state.failures, 6U));
  if (!asked) {
    ++state.failures;
    state.retry_at = now() + std::min<nanoseconds>(longer, k_longest_pause);
    return;
  }
  state.connection.take(fd.release());
  state.asking = true;
  state.answered = 0;
  watch(state.connection.get());
}

void PageLink::take_answer() {
  State& state = *state_;
  const auto room = std::span(state.answer).subspan(state.answered);
  Received received = receive_with(state.connection.get(), room, MSG_DONTWAIT);
  if (received.size < 0 && errno == EAGAIN && now() - state.asked_at < k_answer_deadline) return;
  if (received.size <= 0) {
    ++state.failures;
    return hang_up(k_first_pause);
  }
  if (!received.fds.empty()) {
    state.passed.close();
    state.passed.take(received.fds.front().release());
  }
  state.answered += static_cast<std::uint32_t>(received.size);
  HttpAnswerReader reader(state.answer.size());
  const auto whole = reader.take({state.answer.data(), state.answered});
  if (!whole) return hang_up(k_pause_after_refusal);
  if (*whole) {
    const HttpAnswer answer = reader.answer();
    take_page(answer.status, answer.boottime);
  } else if (state.answered == state.answer.size()) {
    hang_up(k_pause_after_refusal);  // a refusal at length; why it is one, a request for a token is told
  }
}

void PageLink::take_page(int status, std::optional<nanoseconds> fobds_now) {
  State& state = *state_;
  // In a time namespace of its own (time_namespaces(7)) an app cannot judge fobd's deadlines.
  const bool same_time = fobds_now && *fobds_now >= state.asked_at && *fobds_now <= now();
  const bool mapped = status == 101 && state.passed && map(state.passed.get());
  state.passed.close();
  if (mapped) {
    state.trusted.store(same_time, std::memory_order_release);
    state.asking = false;
    state.failures = 0;
    return tell();
  }
  // Whatever the reason: this fobd has spoken, and what another one left counts no more.
  hang_up(k_pause_after_refusal);
  if (!state.mapped.load(std::memory_order_relaxed)) return;
  forget_page();
  tell();
}

// Sealed against shrinking, so that reading it cannot fault. In the place of what was there: whoever reads
// meanwhile sees that it is not the page any more by its sequence, which starts anywhere.
bool PageLink::map(int fd) {
  struct stat facts {};
  const int seals = ::fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || ::fstat(fd, &facts) != 0) return false;
  if (facts.st_size < static_cast<off_t>(sizeof(wire::TokenPage))) return false;
  if (::mmap(page_, k_page_bytes, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) return false;
  const bool known = std::string_view(page_->magic.data(), page_->magic.size()) == wire::k_page_magic;
  if (!known) forget_page();
  state_->mapped.store(known, std::memory_order_release);
  return known;
}

void PageLink::forget_page() {
  state_->trusted.store(false, std::memory_order_release);
  state_->mapped.store(false, std::memory_order_release);
}

void PageLink::distrust() { state_->trusted.store(false, std::memory_order_release); }

void PageLink::hang_up(nanoseconds pause) {
  State& state = *state_;
  if (state.connection) {
    // A forked child may hold a copy of it: closing it would neither end it nor take it out of the set.
    ::shutdown(state.connection.get(), SHUT_RDWR);
    if (state.set) ::epoll_ctl(state.set.get(), EPOLL_CTL_DEL, state.connection.get(), nullptr);
  }
  state.connection.close();
  state.passed.close();
  state.asking = false;
  state.retry_at = now() + pause;
}

void PageLink::tell() {
  state_->links.fetch_add(1, std::memory_order_acq_rel);
  state_->unheard = true;
}

std::uint64_t PageLink::change() const {
  const std::uint64_t links = state_->links.load(std::memory_order_acquire);
  const bool mapped = state_->mapped.load(std::memory_order_acquire);
  return (links + 1) << 32U | (mapped ? wire::changes_of(*page_) : 0);
}

void PageLink::await_change(std::uint64_t since, nanoseconds at_most) const {
  int connection = -1;
  {
    const std::lock_guard locked(state_->lock);
    if (change() != since) return;
    if (state_->connection && !state_->asking) {
      connection = k_linked;
    } else if (state_->connection) {
      connection = state_->connection.get();
    } else {
      at_most = std::min(at_most, std::max(state_->retry_at - now(), nanoseconds(milliseconds(1))));
    }
  }
  if (connection == k_linked) return await_page(static_cast<std::uint32_t>(since), at_most);
  // What another thread does with the connection meanwhile is noticed this late.
  at_most = std::min<nanoseconds>(at_most, k_look_again);
  pollfd waiting{connection, POLLIN, 0};
  ::poll(&waiting, 1, static_cast<int>(std::chrono::ceil<milliseconds>(at_most).count()));
}

void PageLink::await_page(std::uint32_t changes, nanoseconds at_most) const {
  const std::uint32_t writer = __atomic_load_n(&page_->writer, __ATOMIC_ACQUIRE);
  if ((writer & wire::k_writer_died) != 0) return;
  // Another page may have come this instant, with as many changes.
  at_most = std::min<nanoseconds>(at_most, k_look_for_page);
  futex_wait_either(&page_->changes, changes, &page_->writer, writer, at_most);
  // Of those who wait for its death the kernel wakes one.
  if (wire::is_orphaned(*page_))
    ::syscall(SYS_futex, &page_->writer, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

int PageLink::descriptor() {
  const std::lock_guard locked(state_->lock);
  State& state = *state_;
  if (!state.set) {
    UniqueFd set(::epoll_create1(EPOLL_CLOEXEC));
    UniqueFd timer(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!set || !timer) return -1;
    state.set.take(set.release());
    state.timer.take(timer.release());
    watch(state.timer.get());
    if (state.connection) watch(state.connection.get());
    tend_locked();
  }
  return state.set.get();
}

void PageLink::watch(int fd) {
  if (!state_->set) return;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP;
  ::epoll_ctl(state_->set.get(), EPOLL_CTL_ADD, fd, &event);
}

// What makes the descriptor readable besides fobd itself: a change that another thread noticed, and the time
// of the next attempt.
void PageLink::arm_timer() {
  State& state = *state_;
  if (!state.timer) return;
  nanoseconds left(1);
  if (!state.unheard) {
    const auto due = state.asking ? state.asked_at + k_answer_deadline : state.retry_at;
    left = state.connection && !state.asking ? nanoseconds(0) : std::max(due - now(), nanoseconds(1));
  }
  const auto whole = std::chrono::floor<seconds>(left);
  const itimerspec once{{}, {whole.count(), (left - whole).count()}};
  ::timerfd_settime(state.timer.get(), 0, &once, nullptr);
}

void PageLink::acknowledge() {
  const std::lock_guard locked(state_->lock);
  State& state = *state_;
  if (state.connection && !state.asking && !hears_fobd()) {
    // An orphaned page is as good as it was, and that of a fobd which is about to end as well.
    if (is_withdrawn()) forget_page();
    hang_up(nanoseconds(0));
    tell();
  }
  tend_locked();
  state.unheard = false;
  std::uint64_t expirations = 0;
  if (state.timer) (void)!::read(state.timer.get(), &expirations, sizeof expirations);
  arm_timer();
}

// Takes the bytes that tell of changes. False once fobd has closed the connection: it has ended, or has taken
// the page from this process alone.
bool PageLink::hears_fobd() const {
  std::array<char, 256> told{};
  ssize_t size = 0;
  do {
    size = ::recv(state_->connection.get(), told.data(), told.size(), MSG_DONTWAIT);
  } while (size > 0 || (size < 0 && errno == EINTR));
  return size < 0 && errno == EAGAIN;
}

void PageLink::note_error(std::string_view text) {
  const std::lock_guard locked(state_->lock);
  text = text.substr(0, state_->error.size());
  std::copy(text.begin(), text.end(), state_->error.begin());
  state_->error_length = static_cast<std::uint32_t>(text.size());
}

std::string PageLink::last_error() const {
  const std::lock_guard locked(state_->lock);
  return {state_->error.data(), state_->error_length};
}

}  // namespace fob::client
