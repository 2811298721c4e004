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
// The wall clock may be set meanwhile, so no wait relies on it for longer.
constexpr minutes k_longest_nap{30};
// Hostile bundles must not fill the disk with receipts of them.
constexpr std::size_t k_most_receipts = 1000;

std::string sentence(const Receipt& receipt) {
  std::string text = receipt.bundle + ": " + std::string(to_string(receipt.outcome));
  if (!receipt.profile.empty()) text += ", " + receipt.profile + " serial " + std::to_string(receipt.serial);
  if (receipt.version != 0) text += ", version " + std::to_string(receipt.version);
  if (!receipt.detail.empty()) text += ": " + receipt.detail;
  return text;
}

// One receipt for each bundle and outcome: what happens again takes the place of what happened before.
std::string file_name(const Receipt& receipt) {
  const std::string what = receipt.reason.empty() ? std::string(to_string(receipt.outcome)) : receipt.reason;
  return receipt.device + "." + (receipt.profile.empty() ? "unknown" : receipt.profile) + "." +
         std::to_string(receipt.serial) + "." + what + ".json";
}

// Whether somebody has it open for writing: then there is no read lease on it to be had (fcntl(2),
// F_SETLEASE).
bool is_being_written(const fs::path& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  return fd && ::fcntl(fd.get(), F_SETLEASE, F_RDLCK) != 0 && errno == EAGAIN;
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
    pollfd waiting{fd_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, 0) > 0 && ::read(fd_.get(), &taken, sizeof taken) < 0) return;
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  int fd() const { return fd_.get(); }

 private:
  sigset_t before_{};
  UniqueFd fd_;
};

void drain(int fd) {
  std::array<char, 4096> events{};
  while (::read(fd, events.data(), events.size()) > 0) {
  }
}

}  // namespace

Inbox::Inbox(fs::path inbox, fs::path outbox, Apply apply, const Clock& clock,
             std::function<void(const std::string&)> say)
    : inbox_(std::move(inbox)),
      outbox_(std::move(outbox)),
      apply_(std::move(apply)),
      clock_(clock),
      say_(std::move(say)) {}

Result<void> Inbox::prepare() const {
  for (const auto& directory : {inbox_, outbox_})
    if (auto made = make_directory(directory, 0700, ErrorCode::store); !made) return made;
  return {};
}

Result<void> Inbox::leave_receipt(const Receipt& receipt) const {
  if (auto made = make_directory(outbox_, 0700, ErrorCode::store); !made) return made;
  tidy_outbox();
  return replace_file(outbox_ / file_name(receipt), encode_receipt(receipt), 0644, ErrorCode::store);
}

void Inbox::tidy_outbox() const {
  std::vector<std::pair<fs::file_time_type, fs::path>> receipts;
  std::error_code error;
  for (fs::directory_iterator it(outbox_, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    receipts.emplace_back(it->last_write_time(ignored), it->path());
  }
  if (receipts.size() < k_most_receipts) return;
  std::sort(receipts.begin(), receipts.end());
  receipts.resize(receipts.size() - k_most_receipts + 1);
  for (const auto& [time, path] : receipts) ::unlink(path.c_str());
}

Result<Receipt> Inbox::take(const fs::path& bundle) {
  Receipt receipt = apply_(bundle).receipt;
  // Nobody comes back to a bundle that lies anywhere else.
  if (receipt.outcome == Outcome::waiting) receipt.outcome = Outcome::refused;
  say_(sentence(receipt));
  if (auto left = leave_receipt(receipt); !left) return left.error();
  return receipt;
}

// Hidden files are what rsync and the like write to before they rename.
std::vector<fs::path> Inbox::bundles() const {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(inbox_, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (!it->path().filename().string().starts_with('.') && !it->is_directory(ignored))
      found.push_back(it->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

Result<std::vector<Receipt>> Inbox::take_all() {
  look_again_.reset();
  const auto by = [this](fleet::Time when) { look_again_ = std::min(look_again_.value_or(when), when); };
  const auto now = std::chrono::floor<seconds>(clock_.wall_now());
  std::vector<Receipt> receipts;
  for (const auto& bundle : bundles()) {
    // Its end brings another look where the inbox is watched.
    if (is_being_written(bundle)) {
      say_(bundle.filename().string() + " is still being written, and left for later");
      continue;
    }
    Application application = apply_(bundle);
    const Receipt& receipt = receipts.emplace_back(std::move(application.receipt));
    say_(sentence(receipt));
    // A bundle is deleted only once its receipt is safe.
    if (auto left = leave_receipt(receipt); !left) return left.error();
    if (receipt.outcome == Outcome::waiting) {
      by(application.look_again.value_or(now + k_retry));
    } else if (receipt.outcome == Outcome::failed) {
      by(now + k_retry);
    } else if (auto gone = remove_file(bundle, ErrorCode::store); !gone) {
      return gone.error();
    }
  }
  return receipts;
}

Result<void> Inbox::watch() {
  const EndSignals ends;
  const UniqueFd arrivals(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!arrivals || ::inotify_add_watch(arrivals.get(), inbox_.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO) < 0)
    return fail(ErrorCode::store, with_errno("cannot watch " + inbox_.string()));
  while (true) {
    drain(arrivals.get());
    if (auto taken = take_all(); !taken) {
      say_(taken.error().detail);
      look_again_ = std::chrono::floor<seconds>(clock_.wall_now()) + k_retry;
    }
    std::chrono::milliseconds nap(-1);
    if (look_again_)
      nap =
          std::clamp<std::chrono::milliseconds>(*look_again_ - clock_.wall_now(), seconds(1), k_longest_nap);
    std::array<pollfd, 2> waiting = {pollfd{arrivals.get(), POLLIN, 0}, pollfd{ends.fd(), POLLIN, 0}};
    if (::poll(waiting.data(), waiting.size(), static_cast<int>(nap.count())) < 0 && errno != EINTR)
      return fail(ErrorCode::internal, with_errno("cannot wait for bundles"));
    if ((waiting[1].revents & POLLIN) != 0) return {};
  }
}

}  // namespace fob::cli
