#include "daemon/cli/inbox.hpp"

#include "ipc/base/file.hpp"
#include "ipc/base/unique_fd.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fob::cli {
namespace {

namespace fs = std::filesystem;
using fleet::Outcome;
using fleet::Receipt;
using std::chrono::minutes;
using std::chrono::seconds;

// After a store that was locked, a disk that was full.
constexpr minutes k_retry{5};
// The wall clock may be set meanwhile, and the inbox replaced, so no wait is relied on for longer.
constexpr minutes k_longest_nap{30};
// Where it cannot be told whether a file is still being written, one that was not touched for so long is not.
constexpr seconds k_settled{60};

std::string sentence(const Receipt& receipt) {
  std::string text = receipt.bundle + ": " + std::string(to_string(receipt.outcome));
  if (!receipt.profile.empty()) text += ", " + receipt.profile + " serial " + std::to_string(receipt.serial);
  if (receipt.version != 0) text += ", version " + std::to_string(receipt.version);
  if (!receipt.detail.empty()) text += ": " + receipt.detail;
  return text;
}

// Whether nothing has come of it yet, but may.
bool may_come_again(const Receipt& receipt) {
  if (receipt.outcome == Outcome::waiting || receipt.outcome == Outcome::failed) return true;
  const auto reason = fleet::reason_of(receipt.reason);
  return receipt.outcome == Outcome::refused && reason && fleet::traits(*reason).may_change;
}

// One version of a file.
struct FileMark {
  dev_t device{};
  ino_t inode{};
  off_t size{};
  std::int64_t seconds{}, nanoseconds{};
  bool regular{};

  bool operator==(const FileMark&) const = default;
};

std::optional<FileMark> mark_of(const fs::path& file) {
  struct stat facts {};
  if (::lstat(file.c_str(), &facts) != 0) return std::nullopt;
  return FileMark{facts.st_dev,         facts.st_ino,          facts.st_size,
                  facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec, S_ISREG(facts.st_mode)};
}

enum class Writing : std::uint8_t { no, yes, unknown };

// Nobody has it open for writing exactly if there is a read lease on it to be had (fcntl(2), F_SETLEASE),
// which only its owner gets, and not on every file system.
Writing is_being_written(const fs::path& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (fd && ::fcntl(fd.get(), F_SETLEASE, F_RDLCK) == 0) return Writing::no;
  return fd && errno == EAGAIN ? Writing::yes : Writing::unknown;
}

// Signals that end the watch, as something to poll.
class EndSignals {
 public:
  EndSignals() {
    sigset_t ends;
    ::sigemptyset(&ends);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&ends, signal);
    ::sigprocmask(SIG_BLOCK, &ends, &before_);
    fd_.reset(::signalfd(-1, &ends, SFD_CLOEXEC));
  }
  EndSignals(const EndSignals&) = delete;
  EndSignals& operator=(const EndSignals&) = delete;
  ~EndSignals() {
    signalfd_siginfo taken{};
    if (came() && ::read(fd_.get(), &taken, sizeof taken) < 0) return;
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  int fd() const { return fd_.get(); }
  bool came() const {
    pollfd waiting{fd_.get(), POLLIN, 0};
    return ::poll(&waiting, 1, 0) > 0;
  }

 private:
  sigset_t before_{};
  UniqueFd fd_;
};

}  // namespace

Inbox::Inbox(fs::path inbox, Outbox outbox, BundleWork work, const Clock& clock,
             std::function<void(const std::string&)> say)
    : inbox_(std::move(inbox)),
      outbox_(std::move(outbox)),
      work_(std::move(work)),
      clock_(clock),
      say_(std::move(say)) {}

Result<void> Inbox::prepare() const {
  if (auto made = make_directory(inbox_, 0700, ErrorCode::store); !made) return made;
  return outbox_.prepare();
}

fleet::Time Inbox::now() const { return std::chrono::floor<seconds>(clock_.wall_now()); }

void Inbox::look_again_by(fleet::Time when) { look_again_ = std::min(look_again_.value_or(when), when); }

Result<Receipt> Inbox::take(const fs::path& bundle) {
  const auto turn = outbox_.take_turn();
  if (!turn) return turn.error();
  Receipt receipt = work_.apply(bundle).receipt;
  // Nobody comes back to a bundle that lies anywhere else.
  if (receipt.outcome == Outcome::waiting) receipt.outcome = Outcome::refused;
  say_(sentence(receipt));
  if (auto left = outbox_.leave(receipt); !left) return left.error();
  return receipt;
}

// Hidden files are what rsync and the like write to before they rename.
Result<std::vector<fs::path>> Inbox::bundles() const {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(inbox_, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (!it->path().filename().string().starts_with('.') && !it->is_directory(ignored))
      found.push_back(it->path());
  }
  if (error) return fail(ErrorCode::store, inbox_.string() + " cannot be read: " + error.message());
  std::sort(found.begin(), found.end());
  return found;
}

Result<void> Inbox::dispose(const fs::path& bundle, const Application& application) {
  if (application.receipt.outcome == Outcome::waiting) {
    look_again_by(application.look_again.value_or(now() + k_retry));
  } else if (application.receipt.outcome == Outcome::failed) {
    look_again_by(now() + k_retry);
  } else if (may_come_again(application.receipt)) {
    look_again_by(now() + k_longest_nap);
  } else {
    return remove_file(bundle, ErrorCode::store);
  }
  return {};
}

// Nothing: it is not its time yet.
Result<std::optional<Receipt>> Inbox::take_dropped(const fs::path& bundle) {
  const auto turn = outbox_.take_turn();
  if (!turn) return turn.error();
  const auto before = mark_of(bundle);
  if (!before) return std::optional<Receipt>();  // another process took it
  const Writing writing = before->regular ? is_being_written(bundle) : Writing::no;
  const auto age = now() - fleet::Time(seconds(before->seconds));
  const bool settled = age < seconds(0) || age >= k_settled;
  if (writing == Writing::yes || (writing == Writing::unknown && !settled)) {
    say_(bundle.filename().string() +
         (writing == Writing::yes ? " is still being written" : " may still be being written") +
         ", and left for later");
    look_again_by(now() + k_settled);
    return std::optional<Receipt>();
  }
  Application application = work_.apply(bundle);
  say_(sentence(application.receipt));
  // A bundle is deleted only once its receipt is safe, and only the one that was looked at.
  if (auto left = outbox_.leave(application.receipt); !left) return left.error();
  if (mark_of(bundle) != before) {
    look_again_by(now());
  } else if (!before->regular) {
    if (auto gone = remove_file(bundle, ErrorCode::store); !gone) return gone.error();
  } else if (auto disposed = dispose(bundle, application); !disposed) {
    return disposed.error();
  }
  return std::optional(std::move(application.receipt));
}

void Inbox::follow_up(std::optional<Error>& trouble) {
  for (const auto& staged : outbox_.staged()) {
    const auto turn = outbox_.take_turn();
    if (!turn) return put_off(turn.error(), trouble);
    const auto after = work_.follow_up(staged);
    if (!after) {
      look_again_by(now() + k_retry);
      continue;
    }
    say_(sentence(*after));
    if (auto left = outbox_.follow_up(staged, *after); !left) put_off(left.error(), trouble);
  }
}

// What one bundle or receipt meets with must not keep the others waiting.
void Inbox::put_off(const Error& error, std::optional<Error>& trouble) {
  look_again_by(now() + k_retry);
  if (trouble) say_(error.detail);
  if (!trouble) trouble = error;
}

Result<std::vector<Receipt>> Inbox::take_all(const std::function<bool()>& stop) {
  look_again_.reset();
  std::vector<Receipt> receipts;
  const auto dropped = bundles();
  if (!dropped) return dropped.error();
  std::optional<Error> trouble;
  for (const auto& bundle : *dropped) {
    if (stop()) return receipts;
    auto taken = take_dropped(bundle);
    if (!taken) put_off(taken.error(), trouble);
    if (taken && *taken) receipts.push_back(std::move(**taken));
  }
  follow_up(trouble);
  if (trouble) return *trouble;
  return receipts;
}

Result<void> Inbox::watch() {
  const EndSignals ends;
  while (!ends.came()) {
    if (auto prepared = prepare(); !prepared) return prepared;
    // Anew each time, since the directory may be another by now; and before the look, so that nothing is
    // missed.
    const UniqueFd arrivals(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    constexpr std::uint32_t k_events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVE_SELF | IN_DELETE_SELF;
    if (!arrivals || ::inotify_add_watch(arrivals.get(), inbox_.c_str(), k_events) < 0)
      return fail(ErrorCode::store, with_errno("cannot watch " + inbox_.string()));
    if (auto taken = take_all([&ends] { return ends.came(); }); !taken) {
      say_(taken.error().detail);
      look_again_by(now() + k_retry);
    }
    std::chrono::milliseconds nap = k_longest_nap;
    if (look_again_)
      nap =
          std::clamp<std::chrono::milliseconds>(*look_again_ - clock_.wall_now(), seconds(1), k_longest_nap);
    std::array<pollfd, 2> waiting = {pollfd{arrivals.get(), POLLIN, 0}, pollfd{ends.fd(), POLLIN, 0}};
    if (::poll(waiting.data(), waiting.size(), static_cast<int>(nap.count())) < 0 && errno != EINTR)
      return fail(ErrorCode::internal, with_errno("cannot wait for bundles"));
  }
  return {};
}

}  // namespace fob::cli
