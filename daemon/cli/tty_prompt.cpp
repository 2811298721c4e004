#include "daemon/cli/tty_prompt.hpp"

#include "ipc/base/file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

namespace fob::cli {
namespace {

// A terminal's own line buffer holds 4096 bytes (termios(3), canonical mode).
constexpr std::size_t k_max_line = 4096;

// Holds back the signals that would end or stop the program, and makes them visible to poll(2) instead. They
// are never taken from the queue: whatever came acts when this object goes, after the terminal is restored.
class HeldSignals {
 public:
  HeldSignals() {
    sigset_t held;
    ::sigemptyset(&held);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::sigaddset(&held, signal);
    visible_.reset(::signalfd(-1, &held, SFD_CLOEXEC));
    // Stopping is only put off: a stopped question would leave a terminal without echo to the shell.
    ::sigaddset(&held, SIGTSTP);
    ::sigprocmask(SIG_BLOCK, &held, &before_);
  }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  ~HeldSignals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

  int fd() const { return visible_.get(); }

 private:
  sigset_t before_{};
  UniqueFd visible_;
};

// The terminal without echo, until this object goes.
class Silence {
 public:
  Silence(int tty, Echo echo) : tty_(tty) {
    if (::tcgetattr(tty_, &before_) != 0 || echo == Echo::on) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHOE | ECHOK | ECHONL);
    silenced_ = ::tcsetattr(tty_, TCSAFLUSH, &silent) == 0;
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  ~Silence() {
    if (silenced_) ::tcsetattr(tty_, TCSAFLUSH, &before_);
  }

  bool silenced() const { return silenced_; }

 private:
  int tty_;
  termios before_{};
  bool silenced_ = false;
};

void show(int tty, std::string_view text) {
  // A prompt that cannot be shown is no reason to stop: the answer decides.
  if (::write(tty, text.data(), text.size()) < 0) return;
}

// What a terminal in canonical mode gives: a whole line at once.
Result<SecretBytes> read_line(int tty, const HeldSignals& signals) {
  SecretBytes line(k_max_line);
  std::array<pollfd, 2> waiting = {pollfd{tty, POLLIN, 0}, pollfd{signals.fd(), POLLIN, 0}};
  if (::poll(waiting.data(), waiting.size(), -1) < 0 || (waiting[1].revents & POLLIN) != 0)
    return fail(ErrorCode::usage, "interrupted; nothing was changed");
  const ssize_t n = ::read(tty, line.bytes().data(), line.size());
  if (n < 0) return fail(ErrorCode::usage, with_errno("/dev/tty"));
  const auto text = line.reveal().substr(0, static_cast<std::size_t>(n));
  if (text.empty()) return fail(ErrorCode::usage, "the input ended; nothing was changed");
  if (text.back() != '\n') return fail(ErrorCode::usage, "this line is too long for a credential");
  return SecretBytes::copy_of(text.substr(0, text.size() - 1));
}

}  // namespace

Result<TtyPrompt> TtyPrompt::open() {
  UniqueFd tty(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!tty)
    return fail(ErrorCode::usage, "there is no terminal to ask at; give the downloaded file: --file FILE");
  return TtyPrompt(std::move(tty));
}

Result<SecretBytes> TtyPrompt::ask(std::string_view question, Echo echo) {
  const HeldSignals signals;
  const Silence silence(tty_.get(), echo);
  if (echo == Echo::off && !silence.silenced())
    return fail(ErrorCode::usage,
                "this terminal cannot hide what is typed; give the downloaded file: --file FILE");
  show(tty_.get(), question);
  auto line = read_line(tty_.get(), signals);
  if (echo == Echo::off) show(tty_.get(), "\n");
  return line;
}

}  // namespace fob::cli
