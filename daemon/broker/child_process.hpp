// A program of this installation that fobd runs as its own user: spawned with two descriptors, a scrubbed
// environment and its default signals, ended and reaped at the latest with its owner.
#pragma once

#include "ipc/base/result.hpp"
#include "ipc/base/unique_fd.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace fob::broker {

/// How a process ended.
struct ChildEnd {
  std::optional<int> status;  ///< of exit(3); nothing where a signal ended it
  std::string words;          ///< "exited with status 3"
};

/// Killed and reaped at the latest with this object.
class Child {
 public:
  Child(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}
  Child& operator=(Child&&) = delete;
  ~Child();

  int pidfd() const { return pidfd_.get(); }
  /// Does nothing where it has ended.
  void kill() const;
  /// Waits for its end, which must be near.
  ChildEnd reap();

 private:
  pid_t pid_;
  UniqueFd pidfd_;
};
using ChildPtr = std::shared_ptr<Child>;

/// A program's arguments, or its environment, as execve(2) takes them: into `texts`, which must stay.
std::vector<char*> exec_list(std::vector<std::string>& texts);

/// Runs `words` (the program's path and its arguments) with these as stdin and stdout. Fails with
/// ErrorCode::unreachable: worth trying again soon, since nobody tells us when an upgrade is over or memory
/// is back.
Result<Child> spawn(std::vector<std::string> words, int input, int output);

/// Something that runs a program so; the seam between what is run and who may run it.
using Spawn = std::function<Result<Child>(std::vector<std::string> words, int input, int output)>;

/// Returns when it has ended, is killed because it has not within `patience`, or the waiting is cancelled.
/// The last only leaves it alive.
boost::asio::awaitable<void> wait_for_end(boost::asio::any_io_executor executor, ChildPtr child,
                                          std::chrono::milliseconds patience);

/// Waits for its end, which must be near, to the last: it is killed soon, and the waiting cannot be
/// cancelled. From here on neither can the calling thread of execution.
boost::asio::awaitable<ChildEnd> await_end(boost::asio::any_io_executor executor, ChildPtr child);

}  // namespace fob::broker
