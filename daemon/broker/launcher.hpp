// Starts fobd's children for it where no systemd does: a process that was forked off before fobd gave up its
// rights, so that fobd itself can neither execute anything nor hand its children less than they need. It
// knows the few command lines it may run and takes no others, for whoever asks may have captured fobd. The
// children are fobd's own (clone(2), CLONE_PARENT): it waits for them as if it had started them.
#pragma once

#include "daemon/broker/child_process.hpp"
#include "ipc/base/result.hpp"
#include "ipc/base/unique_fd.hpp"

#include <memory>
#include <string>
#include <vector>

namespace fob::broker {

/// A word of a command line that may be run.
struct LaunchWord {
  enum class Kind { exact, profile_name, number };
  Kind kind = Kind::exact;
  std::string text;  ///< for `exact`
};
using LaunchForm = std::vector<LaunchWord>;

/// A form of these words and no others.
LaunchForm exactly(const std::vector<std::string>& words);
bool fits(const LaunchForm& form, const std::vector<std::string>& words);

/// Ends with the object, or with this process.
class Launcher {
 public:
  /// To be called before there are threads and before this process is confined. Fails with
  /// ErrorCode::internal.
  static Result<std::shared_ptr<Launcher>> start(const std::vector<LaunchForm>& forms,
                                                 std::chrono::seconds patience = std::chrono::seconds(10));

  /// As broker::spawn(), for words that fit one of the forms. Takes well under a millisecond. Fails with
  /// ErrorCode::unreachable.
  Result<Child> spawn(const std::vector<std::string>& words, int input, int output);

  explicit Launcher(UniqueFd socket) : socket_(std::move(socket)) {}

 private:
  UniqueFd socket_;
  std::uint32_t asked_ = 0;  ///< requests so far, whose numbers the answers bear
};

}  // namespace fob::broker
